"""Each loss against loops written from its paper in float64, values and gradients at the query."""

import itertools
import math
from collections.abc import Callable
from statistics import fmean

import pytest
import torch

from contrastive_lab.losses import info_nce
from contrastive_lab.losses.family import (
    dcl,
    debiased,
    dual_temperature,
    hard,
    remembered,
    spectral,
)
from tests.paper_losses import (
    TAU,
    Loss,
    Row,
    cosines_of,
    coupling,
    dcl_row,
    debiased_row,
    debiased_ws,
    dual_row,
    flatnce,
    gradient_at_query,
    infonce_ws,
    shares,
    spectral_row,
    unit_vectors,
)

U = torch.linspace(1, 4, 8, dtype=torch.float64)

VALUES: dict[str, tuple[Loss, Row]] = {
    "dcl": (lambda p, n: dcl(p, n, TAU), dcl_row),
    "spectral": (lambda p, n: spectral(p, n, 1.7), lambda p, n: spectral_row(p, n, 1.7)),
    "spectral exp": (
        lambda p, n: spectral(p, n, 1.7, "exp", 0.3),
        lambda p, n: -2 * 1.7 * p + 1.7**2 * fmean(math.exp(x / 0.3) / math.exp(1 / 0.3) for x in n),
    ),
    "debiased": (lambda p, n: debiased(p, n, TAU, 0.1), lambda p, n: debiased_row(p, n, 0.1)),
    "debiased EqCo": (lambda p, n: debiased(p, n, TAU, 0.1, 64), lambda p, n: debiased_row(p, n, 0.1, 64)),
    "hard": (lambda p, n: hard(p, n, TAU, 1.5, 0.1), lambda p, n: debiased_row(p, n, 0.1, beta=1.5)),
    "hard EqCo": (lambda p, n: hard(p, n, TAU, 0.5, 0.0, 64), lambda p, n: debiased_row(p, n, 0.0, 64, 0.5)),
    "dual": (lambda p, n: dual_temperature(p, n, TAU, 2.0), lambda p, n: dual_row(p, n, 2.0)),
    "dual EqCo": (lambda p, n: dual_temperature(p, n, TAU, 1.0, 64), lambda p, n: dual_row(p, n, 1.0, 64)),
}


@pytest.mark.parametrize("name", VALUES)
def test_value_is_the_formula_of_the_paper(name: str) -> None:
    ours, row_of_paper = VALUES[name]
    pos, neg = cosines_of(*unit_vectors())
    expected = [row_of_paper(p, row) for p, row in zip(pos.tolist(), neg.tolist(), strict=True)]
    assert ours(pos, neg).tolist() == pytest.approx(expected, rel=1e-12)


def test_the_cosines_of_these_tests_are_on_both_sides_of_the_clamp() -> None:
    pos, neg = cosines_of(*unit_vectors())
    left = (neg / TAU).exp().mean(dim=1) - 0.1 * (pos / TAU).exp()
    clamped = left / 0.9 < math.exp(-1 / TAU)
    assert clamped.any()
    assert not clamped.all()


GRADIENTS: dict[str, tuple[Loss, Callable[[float, list[float]], tuple[float, float, list[float]]]]] = {
    "info_nce": (lambda p, n: info_nce(p, n, TAU, reduction="none"), infonce_ws),
    "dcl": (lambda p, n: dcl(p, n, TAU), lambda p, n: (1, 1, shares(n, 1 / TAU))),
    "dual": (
        lambda p, n: dual_temperature(p, n, TAU, 2.0),
        lambda p, n: (coupling(p, n, 2.0), coupling(p, n, 2.0), shares(n, 1 / TAU)),
    ),
    "debiased": (lambda p, n: debiased(p, n, TAU, 0.1, 64), lambda p, n: debiased_ws(p, n, 64, 0)),
    "hard": (lambda p, n: hard(p, n, TAU, 1.5, 0.1, 7), lambda p, n: debiased_ws(p, n, 7, 1.5)),
    "spectral": (lambda p, n: spectral(p, n, 1.7), lambda p, n: (1.7**2 * TAU, 2 * 1.7 * TAU, [2 * x / 5 for x in n])),
    "spectral exp": (  # phi'(c) = exp((c - 1) / 0.3) / 0.3
        lambda p, n: spectral(p, n, 1.7, "exp", 0.3),
        lambda p, n: (1.7**2 * TAU, 2 * 1.7 * TAU, [math.exp((x - 1) / 0.3) / 0.3 / 5 for x in n]),
    ),
    "remembered": (
        lambda p, n: remembered(p, n, TAU, U.log()),
        lambda p, n: (1, 1, [math.exp(x / TAU) / 5 for x in n]),  # SogCLR's exp(n_k / tau) / (K u), but for 1 / u
    ),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradient_at_the_query_is_the_closed_form(name: str) -> None:
    loss, closed_form = GRADIENTS[name]
    query, key, negatives = unit_vectors()
    pos, neg = cosines_of(query, key, negatives)
    u = U.tolist() if name == "remembered" else [1.0] * 8
    for i, gradient in enumerate(gradient_at_query(loss, query, key, negatives)):
        w, v, s = closed_form(pos[i].item(), neg[i].tolist())
        mixture = sum(x / u[i] * k for x, k in zip(s, negatives[i], strict=True))
        torch.testing.assert_close(gradient, (w * mixture - v * key[i]) / TAU, rtol=1e-11, atol=1e-13)


def test_eqco_at_a_large_alpha_dcl_and_flatnce_have_one_gradient() -> None:
    vectors = unit_vectors(n=64, K=16, D=32)
    tau = 0.5
    gradients = [
        gradient_at_query(loss, *vectors)
        for loss in (
            lambda p, n: info_nce(p, n, tau, 1e15, reduction="none"),
            lambda p, n: dcl(p, n, tau),
            lambda p, n: flatnce(p, n, tau),
            lambda p, n: hard(p, n, tau, 0.0, 0.0, math.inf),
        )
    ]
    for gradient in gradients[1:]:
        torch.testing.assert_close(gradient, gradients[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("alpha", [None, 4.0, 65536.0])
@pytest.mark.parametrize("tau", [0.05, 0.5])
def test_losses_without_correction_are_infonce(alpha: float | None, tau: float) -> None:
    vectors = unit_vectors()
    pos, neg = cosines_of(*vectors)
    plain: Loss = lambda p, n: info_nce(p, n, tau, alpha, "none")  # noqa: E731
    for loss in (
        lambda p, n: debiased(p, n, tau, 0.0, alpha),
        lambda p, n: hard(p, n, tau, 0.0, 0.0, alpha),
        lambda p, n: dual_temperature(p, n, tau, tau, alpha),
    ):
        torch.testing.assert_close(loss(pos, neg), plain(pos, neg), rtol=1e-12, atol=1e-15)
        torch.testing.assert_close(gradient_at_query(loss, *vectors), gradient_at_query(plain, *vectors))


def mean_over_draws(loss: Loss, K: int, with_replacement: bool) -> float:
    """The exact expectation over all equally likely draws of K of five negatives."""
    population = [-0.7, -0.1, 0.2, 0.5, 0.9]
    draws = list(itertools.product(population, repeat=K) if with_replacement else itertools.combinations(population, K))
    return (
        loss(torch.full((len(draws),), 0.6, dtype=torch.float64), torch.tensor(draws, dtype=torch.float64))
        .mean()
        .item()
    )


@pytest.mark.parametrize("with_replacement", [True, False])
@pytest.mark.parametrize("phi", ["square", "exp"])
def test_expectation_of_the_spectral_loss_does_not_depend_on_K(phi: str, with_replacement: bool) -> None:
    means = [mean_over_draws(lambda p, n: spectral(p, n, 2.0, phi, 0.2), K, with_replacement) for K in (1, 2, 3, 4)]
    assert means == pytest.approx([means[0]] * 4, rel=1e-13)


@pytest.mark.parametrize("with_replacement", [True, False])
def test_expectation_of_infonce_eqco_and_dcl_grows_with_K(with_replacement: bool) -> None:
    for loss in (
        lambda p, n: info_nce(p, n, TAU, None, "none"),
        lambda p, n: info_nce(p, n, TAU, 64.0, "none"),
        lambda p, n: dcl(p, n, TAU),
    ):
        means = [mean_over_draws(loss, K, with_replacement) for K in (1, 2, 3, 4)]
        assert all(b - a > 0.01 for a, b in itertools.pairwise(means))
