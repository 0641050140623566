"""Critics trained together are critics trained alone."""

import math

import pytest
import torch
from torch import nn

from contrastive_lab.theory.gaussian.critics import Critics, critic_losses, fit
from contrastive_lab.theory.gaussian.pairs import (
    sample_pairs,
)
from tests.gaussian_correlations import source


def towers(critics: Critics, model: int) -> list[nn.Sequential]:
    """One critic as plain layers."""
    pairs = []
    for weight, bias, last, last_bias in (critics.f, critics.g):
        net = nn.Sequential(nn.Linear(*weight.shape[1:]), nn.ReLU(), nn.Linear(*last.shape[1:])).double()
        tensors = (weight[model].T, bias[model, 0], last[model].T, last_bias[model, 0])
        net.load_state_dict(dict(zip(net.state_dict(), tensors, strict=True)))
        pairs.append(net)
    return pairs


def test_critics_trained_together_are_those_trained_alone() -> None:
    """Two alphas, two correlations: each of the four equals plain layers trained on the same pairs."""
    rho, alphas, K, d = torch.tensor([0.5, 0.8], dtype=torch.float64), [4.0, 64.0], 4, 3
    critics = Critics(4, d, 8, 5, source()).double()
    alone = [towers(critics, model) for model in range(4)]
    fit(critic_losses(critics, alphas), critics, rho, K, d, 20, 0.01, source(1))
    for model, (f, g) in enumerate(alone):
        adam, pairs = torch.optim.Adam([*f.parameters(), *g.parameters()], 0.01), source(1)
        for _ in range(20):
            x, y = sample_pairs(rho, K + 1, d, pairs)
            logits = f(x[model % 2]) @ g(y[model % 2]).T
            margin = math.log(alphas[model // 2] / K)
            loss = nn.functional.cross_entropy(logits - margin * torch.eye(K + 1), torch.arange(K + 1))
            adam.zero_grad()
            loss.backward()
            adam.step()
        for trained, single in zip(towers(critics, model), (f, g), strict=True):
            for ours, theirs in zip(trained.parameters(), single.parameters(), strict=True):
                torch.testing.assert_close(ours, theirs, atol=1e-8, rtol=1e-8)


def test_initial_weights_are_those_of_linear_layers() -> None:
    critics = Critics(3, 20, 256, 32, source())
    for weight, bias, last, last_bias in (critics.f, critics.g):
        for tensor, inputs in ((weight, 20), (bias, 20), (last, 256), (last_bias, 256)):
            assert tensor.detach().abs().max() <= inputs**-0.5
            assert float(tensor.detach().std()) == pytest.approx((3 * inputs) ** -0.5, rel=0.2)
