"""Each loss against loops written from its paper in float64, values and gradients at the query."""

import itertools
import math
from collections.abc import Callable
from statistics import fmean

import pytest
import torch
from torch import Tensor

from contrastive_lab.losses import info_nce
from contrastive_lab.losses.family import (
    competition_weights,
    dcl,
    debiased,
    dual_temperature,
    factor,
    hard,
    remembered,
    spectral,
    updated_normaliser,
)
from tests.paper_losses import (
    TAU,
    Loss,
    Row,
    cosines_of,
    coupling,
    dcl_row,
    debiased_row,
    dual_row,
    gradient_at_query,
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


# The gradient at the query, (w / tau) (sum_k s_k key_k - v key_0): w, v and s by hand, in plain numbers.


def infonce_ws(p: float, row: list[float]) -> tuple[float, float, list[float]]:
    w = coupling(p, row, TAU)
    return w, w, shares(row, 1 / TAU)


def debiased_ws(p: float, row: list[float], alpha: float, beta: float) -> tuple[float, float, list[float]]:
    """d log(1 + alpha (m / e^p - t) / (1 - t)) where unclamped, else d log(1 + alpha e^(-1/tau) / e^p), t = tau_plus.

    m is sum e^((1 + beta) n) / sum e^(beta n), so d log m has the weights (1 + beta) softmax - beta softmax.
    """
    sharp, soft = shares(row, (1 + beta) / TAU), shares(row, beta / TAU)
    own = math.exp(p / TAU)
    m = sum(math.exp((1 + beta) * x / TAU) for x in row) / sum(math.exp(beta * x / TAU) for x in row)
    g = max((m - 0.1 * own) / 0.9, math.exp(-1 / TAU))
    w = alpha * g / (own + alpha * g)
    if g == math.exp(-1 / TAU):
        return 0.0, w, sharp
    w *= m / (m - 0.1 * own)
    return w, w, [(1 + beta) * x - beta * y for x, y in zip(sharp, soft, strict=True)]


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

    def flatnce(pos: Tensor, neg: Tensor) -> Tensor:
        """Chen et al. 2021: exp(c - c without gradient), c = log sum_k exp((neg_k - pos) / tau)."""
        c = ((neg - pos[:, None]) / tau).exp().sum(dim=1).log()
        return torch.exp(c - c.detach())

    gradients = [
        gradient_at_query(loss, *vectors)
        for loss in (
            lambda p, n: info_nce(p, n, tau, 1e15, reduction="none"),
            lambda p, n: dcl(p, n, tau),
            flatnce,
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


def test_dclw_is_the_formula_and_weighs_by_the_mean_over_all_processes() -> None:
    """Yeh et al. 2022, L_DCW: the positive times 2 - e^(p / sigma) / mean e^(p / sigma), without gradient."""
    query, key, negatives = unit_vectors()
    pos, neg = cosines_of(query, key, negatives)
    sigma = 0.5
    mean = fmean(math.exp(p / sigma) for p in pos.tolist())
    weights = [2 - math.exp(p / sigma) / mean for p in pos.tolist()]
    expected = [
        dcl_row(p, row) + (1 - weight) * p / TAU
        for p, row, weight in zip(pos.tolist(), neg.tolist(), weights, strict=True)
    ]
    whole = dcl(pos, neg, TAU, sigma)
    assert whole.tolist() == pytest.approx(expected, rel=1e-12)
    halves = [dcl(pos[part], neg[part], TAU, sigma, all_pos=pos) for part in (slice(4), slice(4, None))]
    torch.testing.assert_close(torch.cat(halves), whole, rtol=1e-13, atol=0)
    gradient = gradient_at_query(lambda p, n: dcl(p, n, TAU, sigma), query, key, negatives)
    plain = gradient_at_query(lambda p, n: dcl(p, n, TAU), query, key, negatives)
    pull = (1 - torch.tensor(weights, dtype=torch.float64))[:, None] * key / TAU
    torch.testing.assert_close(gradient, plain + pull, rtol=1e-11, atol=1e-13)


def test_normaliser_is_the_running_mean_with_the_first_visit_whole() -> None:
    """Yuan et al. 2022, Algorithm 1: u <- (1 - gamma) u + gamma mean_k exp(n_k / tau), gamma = 1 - keep."""
    keep, u = 0.3, [None, None, 7.0]
    log_u = torch.tensor([math.nan, 0.0, math.log(7.0)], dtype=torch.float64)
    seen = torch.tensor([False, False, True])
    for step in range(4):
        _, neg = cosines_of(*unit_vectors(n=3, seed=step))
        means = [fmean(math.exp(x / TAU) for x in row) for row in neg.tolist()]
        u = [m if old is None else keep * old + (1 - keep) * m for old, m in zip(u, means, strict=True)]
        log_u = updated_normaliser(log_u, neg, TAU, keep, seen)
        seen = torch.ones(3, dtype=torch.bool)
        assert log_u.exp().tolist() == pytest.approx(u, rel=1e-12)


def test_a_memory_that_keeps_nothing_is_dcl() -> None:
    query, key, negatives = unit_vectors()

    def forgetful(pos: Tensor, neg: Tensor) -> Tensor:
        seen = torch.ones(len(pos), dtype=torch.bool)
        return remembered(pos, neg, TAU, updated_normaliser(torch.full_like(pos, 9.0), neg, TAU, 0.0, seen))

    pos, neg = cosines_of(query, key, negatives)
    torch.testing.assert_close(forgetful(pos, neg), dcl(pos, neg, TAU))
    torch.testing.assert_close(remembered(pos, neg, TAU, U), U - pos / TAU)
    expected = gradient_at_query(lambda p, n: dcl(p, n, TAU), query, key, negatives)
    torch.testing.assert_close(gradient_at_query(forgetful, query, key, negatives), expected)


def test_factor_at_a_large_alpha_is_nearly_one() -> None:
    """Orthogonal negatives: alpha e^r is 65,536 e^-3 and 65,536 e^-4.5 at tau = 0.2, so w is 0.9997 and 0.9986."""
    w = factor(torch.tensor([0.6, 0.9]), torch.zeros(2, 7), 0.2, 65536)
    assert w.tolist() == pytest.approx([0.9997, 0.9986], abs=5e-5)


def test_factor_is_one_minus_the_probability_of_the_positive() -> None:
    pos, neg = cosines_of(*unit_vectors())
    for alpha in (None, 3.0, 1000.0):
        expected = [coupling(p, row, TAU, alpha) for p, row in zip(pos.tolist(), neg.tolist(), strict=True)]
        assert factor(pos, neg, TAU, alpha).tolist() == pytest.approx(expected, rel=1e-9)
    assert factor(pos, neg, TAU, math.inf).tolist() == [1.0] * 8


def test_competition_weights_are_the_softmax_over_the_negatives_alone() -> None:
    _, neg = cosines_of(*unit_vectors())
    for ours, row in zip(competition_weights(neg, TAU).tolist(), neg.tolist(), strict=True):
        assert ours == pytest.approx(shares(row, 1 / TAU), rel=1e-12)
    assert competition_weights(neg[:, :1], TAU).tolist() == [[1.0]] * 8
