import pytest
import torch
from torch import nn

from contrastive_lab.optim import LARS, Optim


def test_two_steps_of_lars_by_hand() -> None:
    """Decay before the length, and each step's rate kept in the buffer: google-research/simclr, lars_optimizer.py."""
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
