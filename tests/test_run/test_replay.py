import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from contrastive_lab.encoder import build_head
from contrastive_lab.errors import ConfigError, RunError
from contrastive_lab.record.run import stored_config
from contrastive_lab.run import build
from contrastive_lab.run.replay import first_not_finite, replay
from tests.conftest import TINY, Line, command, only_run


class Breaks(nn.Module):
    """Passes its input on, and gives one NaN from its third call on."""

    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return torch.cat([x[:1] * (math.nan if self.calls >= 3 else 1), x[1:]])


@pytest.fixture
def failed(tmp_path: Path, line: Callable[..., Line], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of SiMo whose third step passes a module that gives a NaN."""
    monkeypatch.setattr(build, "build_head", lambda **known: nn.Sequential(build_head(**known), Breaks(), nn.Tanh()))
    plain = ("trainer.log_every_n_steps=50", "checkpoint_every_n_steps=1")
    done = line(*[argument for argument in TINY if "log_every" not in argument], *plain)
    assert done.code == 1
    assert done.err.splitlines()[-1].startswith("error: not finite at step 2: loss; lower base_lr"), done.err
    return only_run(tmp_path)


def test_the_step_is_repeated_and_the_first_module_named(failed: Path) -> None:
    assert replay(failed, stored_config(failed)) == f"step 2: output of encoder.head.1 (Breaks) ({failed})"
    last = torch.load(failed / "checkpoints" / "last.ckpt", weights_only=True)
    kept = torch.load(failed / "checkpoints" / "not_finite.ckpt", weights_only=True)
    assert last["global_step"] == kept["global_step"] == 2
    name = "encoder.head.0.0.weight"
    assert last["state_dict"][name].equal(kept["state_dict"][name])  # no step was taken since


@pytest.mark.long
def test_a_step_of_two_processes_is_repeated_in_one(tmp_path: Path) -> None:
    """What is found there is what a run of one process finds, whose numbers are the same up to rounding."""
    found, told = [], [argument for argument in TINY if "log_every" not in argument]
    for strategy in ("single", "ddp_cpu"):
        where = (f"strategy={strategy}", f"hydra.run.dir={strategy}")
        done = command(*told, *where, "base_lr=1e30", "trainer.log_every_n_steps=50", cwd=tmp_path)
        assert done.returncode == 1 and "error: not finite at step 1: " in done.stderr, done.stderr
        kept = torch.load(tmp_path / strategy / "checkpoints" / "not_finite.ckpt", weights_only=True)
        again = command("scripts/replay.py", f"run={strategy}", cwd=tmp_path)
        assert again.returncode == 0, again.stderr
        found.append((kept["ids"].tolist(), again.stdout.removesuffix(f" ({strategy})\n")))
    assert found[0] == found[1]
    assert len({*found[0][0]}) == 64
    assert found[0][1].startswith("step 1: output of encoder.")


def test_other_images_than_those_of_the_step_are_told(failed: Path) -> None:
    path = failed / "checkpoints" / "not_finite.ckpt"
    kept = torch.load(path, weights_only=True)
    torch.save({**kept, "ids": kept["ids"].flip(0)}, path)
    with pytest.raises(RunError, match="other images"):
        replay(failed, stored_config(failed))


def test_a_run_that_met_none_is_told(tmp_path: Path, compose: Callable[..., object]) -> None:
    with pytest.raises(ConfigError, match="met no NaN or infinity"):
        replay(tmp_path, compose())


def chain() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 3), nn.ReLU(inplace=True)), nn.Linear(3, 1))


def test_of_nested_modules_the_inner_one_is_named() -> None:
    net = chain()
    with torch.no_grad():
        net[1][0].bias[2] = math.inf
    assert first_not_finite(net, lambda: net(torch.ones(4, 2)).mean()) == "output of 1.0 (Linear)"


def test_a_finite_step_has_none_and_leaves_no_hook() -> None:
    net = chain()
    assert first_not_finite(net, lambda: net(torch.ones(4, 2)).mean()) is None
    assert not any(module._forward_hooks for module in net.modules())


def test_a_gradient_is_named_by_the_module_whose_output_it_reaches_first() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    nn.init.zeros_(net[1].weight), nn.init.zeros_(net[1].bias)
    found = first_not_finite(net, lambda: net(torch.ones(4, 2)).sqrt().mean())  # the slope of sqrt at 0
    assert found == "gradient of the output of 1 (Linear)"


def test_the_loss_is_named_where_all_outputs_are_finite() -> None:
    net = chain()
    assert first_not_finite(net, lambda: net(torch.ones(4, 2)).mean() * math.inf) == "loss"
