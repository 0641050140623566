"""Optimizers: learning lrs and schedules, what weight decay holds for, and steps by hand."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from torch import nn

from contrastive_lab.errors import ConfigError
from contrastive_lab.optim import LARS, Optim, factor
from tests.conftest import TINY, only_run


def test_cosine_starts_after_the_warm_up() -> None:
    at = [factor(step, steps=110, warmup=10, schedule="cosine") for step in (0, 5, 10, 60, 110)]
    assert at == pytest.approx([0, 0.5, 1, 0.5, 0])


def test_simos_warm_up_is_multiplied_onto_the_whole_cosine() -> None:
    at = [factor(step, steps=100, warmup=10, schedule="warmup_times_cosine") for step in (0, 5, 10, 50, 100)]
    cosine = [0.5 * (1 + math.cos(math.pi * step / 100)) for step in (0, 5, 10, 50, 100)]
    ramp = [0.001, 0.5005, 1, 1, 1]
    assert at == pytest.approx([c * r for c, r in zip(cosine, ramp, strict=True)])


def test_steps_are_mocos() -> None:
    # 0.1 at epochs 120 and 160 of 200.
    at = [factor(step, 200, 0, "steps", (0.6, 0.8)) for step in (0, 119, 120, 159, 160, 199)]
    assert at == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_an_unknown_schedule_is_an_error() -> None:
    with pytest.raises(ValueError, match="not 'linear'"):
        factor(0, 1, 0, "linear")  # type: ignore[arg-type]


def test_the_rate_follows_the_number_of_queries() -> None:
    # EqCo, Table 1: 0.03, 0.06 and 0.12 at N = 256, 512 and 1024.
    assert [Optim(base_lr=0.03, batch_size=N).lr for N in (256, 512, 1024)] == pytest.approx([0.03, 0.06, 0.12])


def test_weight_decay_can_leave_norms_and_biases_out() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    groups = Optim(weight_decay=0.1, decay_norm=False).configure(net, 10, 5)["optimizer"].param_groups
    assert [(len(g["params"]), g["weight_decay"]) for g in groups] == [(1, 0.1), (3, 0.0)]
    (group,) = Optim(weight_decay=0.1).configure(net, 10, 5)["optimizer"].param_groups
    assert (len(group["params"]), group["weight_decay"]) == (4, 0.1)


def test_the_schedule_drives_the_optimizer() -> None:
    net = nn.Linear(1, 1)
    configured = Optim(base_lr=0.1, batch_size=512, warmup_epochs=0.5).configure(net, steps=20, steps_per_epoch=8)
    lrs = []
    for _ in range(5):
        lrs.append(configured["optimizer"].param_groups[0]["lr"])
        net(torch.ones(1, 1)).sum().backward()
        configured["optimizer"].step()
        configured["lr_scheduler"]["scheduler"].step()
    assert lrs == pytest.approx([0, 0.05, 0.1, 0.15, 0.2])  # warm-up of 4 steps to 0.1 * 512 / 256


def test_the_square_root_rule_is_simclrs() -> None:
    # README of google-research/simclr: 0.075 under sqrt is 0.3 under linear at a batch of 4096, both are 4.8.
    assert Optim(base_lr=0.075, batch_size=4096, scaling="sqrt").lr == pytest.approx(4.8)
    assert Optim(base_lr=0.3, batch_size=4096).lr == pytest.approx(4.8)
    assert Optim(base_lr=0.075, batch_size=4096, scaling="sqrt").rule == "0.075 * sqrt(4096)"
    assert Optim(base_lr=0.3, batch_size=256).rule == "0.3 * 256/256"


def test_nesterovs_momentum_looks_ahead() -> None:
    """The velocity that a step would add next is added at once: Sutskever et al. 2013, Sec. 2, as torch writes it."""
    net = nn.Linear(1, 1, bias=False)
    optimizer = Optim(base_lr=0.1, weight_decay=0.0, nesterov=True).configure(net, 10, 5)["optimizer"]
    weight, velocity = net.weight.item(), 0.0
    for gradient in (1.0, -3.0, 2.0):
        net.weight.grad = torch.tensor([[gradient]])
        optimizer.step()
        velocity = 0.9 * velocity + gradient
        weight -= 0.1 * (gradient + 0.9 * velocity)
        assert net.weight.item() == pytest.approx(weight)


def test_the_first_step_of_adamw() -> None:
    """Its bias correction makes the first step lr * sign(g), and its decay is apart from that: Loshchilov 2019."""
    net = nn.Linear(2, 1, bias=False)
    before = net.weight.detach().clone()
    adamw = Optim(base_lr=0.01, batch_size=512, kind="adamw", weight_decay=0.5).configure(net, 10, 5)["optimizer"]
    net.weight.grad = torch.tensor([[0.3, -7.0]])
    adamw.step()
    torch.testing.assert_close(net.weight.detach(), before * (1 - 0.02 * 0.5) - 0.02 * torch.tensor([[1.0, -1.0]]))
    assert adamw.param_groups[0]["betas"] == (0.9, 0.999)


def test_a_first_beta_of_zero_may_be_typed_as_a_whole_number() -> None:
    adamw = Optim(kind="adamw", momentum=0).configure(nn.Linear(2, 1), 10, 5)["optimizer"]
    assert adamw.param_groups[0]["betas"] == (0.0, 0.999)


@pytest.mark.parametrize("name", ["sgd", "lars", "adamw"])
@pytest.mark.parametrize("method", sorted(path.stem for path in Path("conf/method").glob("*.yaml")))
def test_a_method_sets_its_values_on_every_optimizer(
    method: str, name: str, compose: Callable[..., DictConfig]
) -> None:
    config = compose(f"method={method}", f"optim={name}", "optim.scaling=sqrt")
    optim = instantiate(config.optim, _convert_="all")
    assert (optim.kind, optim.scaling) == (name, "sqrt")
    assert optim.schedule == compose(f"method={method}").optim.schedule
    assert optim.lr == pytest.approx(config.base_lr * math.sqrt(config.batch_size))
    own = OmegaConf.load(f"conf/method/{method}.yaml").optim.get("decay_norm", name != "lars")  # else the optimizer's
    assert config.optim.decay_norm is own


def test_an_unknown_rule_is_one_line(compose: Callable[..., DictConfig]) -> None:
    with pytest.raises(ConfigError, match=r"^optim.scaling=log: choose one of linear, sqrt$"):
        compose("optim.scaling=log")


@pytest.mark.parametrize("name", ["lars", "adamw"])
def test_every_optimizer_trains_and_is_stored(name: str, tmp_path: Path, trained: Callable[..., str]) -> None:
    trained(*TINY, "method=simclr", f"optim={name}", "base_lr=0.01")
    folder = only_run(tmp_path)
    assert json.loads((folder / "result.json").read_text())["status"] == "done"
    (stored,) = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["optimizer_states"]
    assert len(stored["state"]) == sum(len(group["params"]) for group in stored["param_groups"])


def test_two_steps_of_lars_by_hand() -> None:
    """Decay before the length, each step's learning rate in the buffer: google-research/simclr, lars_optimizer.py."""
    w = nn.Parameter(torch.tensor([3.0, 4.0]))
    lars = LARS([w], lr=8.0, momentum=0.5, weight_decay=0.1, trust=0.1)
    # |w| = 5. g = (-0.3, 0.6) + 0.1 w = (0, 1), so v = 8 * 0.1 * 5 / 1 * g = (0, 4) and w = (3, 0).
    w.grad = torch.tensor([-0.3, 0.6])
    lars.step()
    torch.testing.assert_close(w.detach(), torch.tensor([3.0, 0.0]))
    # |w| = 3. g = (1.2, -2) + 0.1 w = (1.5, -2), |g| = 2.5, so v = 0.5 v + 0.5 * 0.1 * 3 / 2.5 * g = (0.09, 1.88).
    lars.param_groups[0]["lr"] = 0.5
    w.grad = torch.tensor([1.2, -2.0])
    lars.step()
    torch.testing.assert_close(w.detach(), torch.tensor([2.91, -1.88]))
    assert w.grad.tolist() == pytest.approx([1.2, -2.0])  # the gradient itself is left as it was


def test_lars_does_not_scale_where_a_length_is_0() -> None:
    zero, still = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.ones(2))
    lars = LARS([zero, still], lr=0.5)
    zero.grad, still.grad = torch.tensor([1.0, -2.0]), torch.zeros(2)
    lars.step()
    assert zero.tolist() == [-0.5, 1.0]
    assert still.tolist() == [1.0, 1.0]


def test_lars_leaves_norms_and_biases_to_plain_sgd() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    before = {name: value.detach().clone() for name, value in net.named_parameters()}
    optim = Optim(base_lr=2.0, kind="lars", weight_decay=0.1, decay_norm=False)
    lars = optim.configure(net, 10, 5)["optimizer"]
    for value in net.parameters():
        value.grad = torch.randn_like(value)
    lars.step()
    moved = {name: before[name] - value.detach() for name, value in net.named_parameters()}
    # The first step of an adapted tensor is as long as lr * trust * |w|, whatever its gradient and decay.
    assert float(moved["0.weight"].norm()) == pytest.approx(2.0 * 0.001 * float(before["0.weight"].norm()), rel=1e-5)
    for name in ("0.bias", "1.weight", "1.bias"):
        torch.testing.assert_close(moved[name], 2.0 * net.get_parameter(name).grad)


def test_lars_calls_a_closure_with_gradients() -> None:
    w = nn.Parameter(torch.tensor([3.0, 4.0]))
    lars = LARS([w], lr=1.0, trust=None)

    def closure() -> torch.Tensor:
        loss = w.sum()
        loss.backward()
        return loss

    assert lars.step(closure) == 7
    assert w.tolist() == [2.0, 3.0]
