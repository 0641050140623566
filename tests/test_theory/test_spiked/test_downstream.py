"""Errors downstream: closed forms and draws."""

import math

import pytest
import torch

from contrastive_lab.randomness import generator
from contrastive_lab.theory.spiked.downstream import accuracy, correlation, draw_labels, squared_error
from contrastive_lab.theory.spiked.model import (
    spiked,
)


def normal(*shape: int, key: str = "test") -> torch.Tensor:
    return torch.randn(shape, generator=generator(key, *shape), dtype=torch.float64)


def test_accuracy_has_its_closed_forms() -> None:
    assert accuracy(0.0) == pytest.approx(50, abs=1e-6)
    assert accuracy(1.0, slope=0.0) == pytest.approx(50, abs=1e-6)
    for rho in (-0.9, 0.2, 0.7, 0.999):  # labels without noise: Sheppard's formula
        assert accuracy(rho, slope=1e9) == pytest.approx(50 + 100 * math.asin(rho) / math.pi, abs=0.05)
    # A perfect predictor errs where the label does: 1 - E sigmoid(4 |g|) by draws.
    g = normal(200_000).abs()
    assert accuracy(1.0) == pytest.approx(100 * torch.sigmoid(4 * g).mean().item(), abs=0.2)


def test_errors_are_those_of_draws() -> None:
    source = generator("errors")
    model = spiked(8, 3, "two", source, nu=0.5)
    x, z = model.sample(100_000, source)
    w = torch.tensor([0.6, 0.0, 0.8], dtype=torch.float64)
    b, target = model.U @ w + 0.3 * normal(8), z @ w / 0.5
    gaps = (target - x @ b).square()
    assert squared_error(model, b, w) == pytest.approx(gaps.mean().item(), abs=5 * gaps.std().item() / len(x) ** 0.5)
    right = (x @ b > 0) == draw_labels(target, source).bool()
    assert accuracy(correlation(model, b, w)) == pytest.approx(100 * right.double().mean().item(), abs=5 * 0.16)
