"""Gradients of frozen features against autograd, and their expectations against integrals."""

import math

import pytest
import torch
from torch import Tensor

from contrastive_lab.diagnostics import gradient_norm
from contrastive_lab.losses import info_nce
from contrastive_lab.theory.sphere import gradient
from contrastive_lab.theory.sphere.gradient import expected_bound, expected_limit, frozen_keys, frozen_pairs, gradients

# ln E exp(q.k / tau) for uniform keys of 128 dimensions: ln 0F1(; 64; 1 / (4 tau^2)).
LOG_MEAN_EXP = {0.5: 0.015623, 0.2: 0.097583, 0.07: 0.792382}


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def by_integral(D: int, positive: float, shared: float, tau: float, alpha: float) -> tuple[float, float]:
    """Bound and limit, from the density (1 - t^2)^((D - 4) / 2) of the cosine t of two directions off the mean."""
    t = torch.linspace(-1, 1, 200_001, dtype=torch.float64)
    density = (1 - t**2) ** ((D - 4) / 2)
    weights = density * torch.exp((shared + (1 - shared) * t) / tau)
    mean_exp, mean_t = weights.sum() / density.sum(), (weights * t).sum() / weights.sum()
    S = alpha * mean_exp * math.exp(-positive / tau)
    # In the plane of the shared mean and the query's own direction, and the rest of the key across it.
    cosine = (positive - shared) / (1 - shared)
    across = math.sqrt((1 - shared) * (1 - cosine**2))
    along = math.sqrt(1 - shared) * (cosine - mean_t)
    return float(2 / tau * S / (1 + S)), float(1 / tau * S / (1 + S) * torch.hypot(along, torch.tensor(across)))


def test_the_features_have_the_cosines_they_are_asked_for() -> None:
    q, own = frozen_pairs(50, 16, 0.6, 0.2, source())
    keys = frozen_keys(2000, 16, 0.2, source(1))
    for x in (q, own, keys):
        torch.testing.assert_close(x.square().sum(dim=1), torch.ones(len(x), dtype=torch.float64))
    torch.testing.assert_close((q * own).sum(dim=1), torch.full((50,), 0.6, dtype=torch.float64))
    for x in (q, own):
        assert float((x @ keys.T).mean()) == pytest.approx(0.2, abs=0.01)  # 15 sd


@pytest.mark.parametrize("alpha", [None, 1.0, 256.0, math.inf])
@pytest.mark.parametrize("tau", [0.02, 0.2])
def test_the_gradient_is_autograd_s_of_info_nce(
    alpha: float | None, tau: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gradient, "CHUNK", 3)
    q, own = frozen_pairs(6, 8, 0.4, 0.1, source())
    keys = frozen_keys(11, 8, 0.1, source(1))
    Ks, stream = [1, 3, 4, 11], iter(keys)

    def draw(n: int) -> Tensor:
        assert n <= 3
        return torch.stack([next(stream) for _ in range(n)])

    q.requires_grad_()
    for K, found in zip(Ks, gradients(q.detach(), own, draw, Ks, [alpha, 7.0], tau), strict=True):
        wanted = info_nce((q * own).sum(dim=1), q @ keys[:K].T, tau, alpha, "none")
        torch.testing.assert_close(found.losses[0], wanted.detach(), rtol=1e-10, atol=1e-12)
        # The softmax of the positive among all, its loss is -log p0; in the limit it is 0.
        p0 = torch.zeros_like(wanted) if alpha == math.inf else torch.exp(-wanted.detach())
        torch.testing.assert_close(found.factors[0], 1 - p0, rtol=1e-9, atol=1e-12)
        for i in range(len(q)):
            (own_gradient,) = torch.autograd.grad(wanted[i], q, retain_graph=True)
            assert float(found.norms[0, i]) == pytest.approx(float(own_gradient[i].norm()), rel=1e-9)
        assert float(found.norms[0].mean()) == pytest.approx(float(gradient_norm(wanted, [q])), rel=1e-9)


def test_repeating_every_negative_changes_nothing_under_eqco() -> None:
    q, own = frozen_pairs(5, 8, 0.4, 0.0, source())
    keys = frozen_keys(6, 8, 0.0, source(1))
    once, twice = gradients(q, own, lambda n: keys[:n], [6, 12], [None, 64.0], 0.2)
    torch.testing.assert_close(once.repulsion, twice.repulsion)
    for one, two in zip(once[:3], twice[:3], strict=True):
        torch.testing.assert_close(one[1], two[1])
        assert (one[0] < two[0]).all()  # InfoNCE grows


@pytest.mark.parametrize("tau", LOG_MEAN_EXP)
def test_the_bound_holds_the_expectation_over_uniform_keys(tau: float) -> None:
    S = 256 * math.exp(LOG_MEAN_EXP[tau] - 0.7 / tau)
    assert expected_bound(129, 0.7, 0.0, tau, 256) == pytest.approx(2 / tau * S / (1 + S), rel=1e-6)


@pytest.mark.parametrize(
    ("D", "positive", "shared", "tau"), [(16, 0.5, 0.0, 0.2), (33, 0.7, 0.3, 0.07), (128, -0.2, 0.1, 1.0)]
)
def test_bound_and_limit_are_their_integrals(D: int, positive: float, shared: float, tau: float) -> None:
    bound, limit = by_integral(D, positive, shared, tau, 4096)
    assert expected_bound(D, positive, shared, tau, 4096) == pytest.approx(bound, rel=1e-6)
    assert expected_limit(D, positive, shared, tau, 4096) == pytest.approx(limit, rel=1e-6)


@pytest.mark.parametrize(("D", "positive", "shared"), [(2, 0.5, 0.0), (8, 1.1, 0.0), (8, -0.5, 0.5), (8, 0.5, 1.0)])
def test_features_that_do_not_exist_are_an_error(D: int, positive: float, shared: float) -> None:
    with pytest.raises(ValueError, match="are needed, not D="):
        frozen_pairs(4, D, positive, shared, source())
    with pytest.raises(ValueError, match="are needed, not D="):
        expected_limit(D, positive, shared, 0.2, 256)


@pytest.mark.parametrize(("positive", "shared"), [(1.0, 0.3), (2 * 0.03 - 1, 0.03), (-1.0, 0.0)])
def test_the_ends_of_the_range_of_cosines_exist(positive: float, shared: float) -> None:
    q, own = frozen_pairs(4, 8, positive, shared, source())
    torch.testing.assert_close((q * own).sum(dim=1), torch.full((4,), positive, dtype=torch.float64))
