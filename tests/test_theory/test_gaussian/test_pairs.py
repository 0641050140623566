"""Correlated Gaussians: closed forms, the density ratio, and what its estimates tend to."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from contrastive_lab.theory.gaussian.pairs import (
    correlation,
    density_ratio_losses,
    estimates,
    in_batch_losses,
    log_density_ratio,
    mutual_information,
    sample_pairs,
    skew_kl,
)
from tests.gaussian_correlations import MI, rhos, source

# Monte Carlo of E[ln(1 + alpha) - ln(1 + alpha / r)], made apart from this project; standard error about 0.005.
SKEW_KL = {512: (1.940, 3.565, 4.728, 5.465, 5.873), 65536: (2.002, 3.985, 5.874, 7.556, 8.904)}
# Monte Carlo of the density ratio with K negatives, made apart from this project; standard error 0.005 to 0.03.
DENSITY_RATIO = {
    64: ((1.82, 3.10, 3.74, 4.04, 4.14), (2.05, 4.01, 5.23, 5.91, 6.14)),
    256: ((1.96, 3.52, 4.62, 5.18, 5.42), (1.99, 3.78, 5.04, 5.76, 6.07)),
}


def test_the_correlations_are_those_of_the_paper() -> None:
    assert rhos().tolist() == pytest.approx([0.4258, 0.5742, 0.6717, 0.7421, 0.7951], abs=5e-5)


@pytest.mark.parametrize(("mi", "d"), [(0.3, 1), (4.0, 3)])
def test_mutual_information_is_that_of_the_covariances(mi: float, d: int) -> None:
    rho, one = correlation(mi, d), torch.eye(d, dtype=torch.float64)
    joint = torch.cat([torch.cat([one, rho * one], 1), torch.cat([rho * one, one], 1)])
    assert -torch.logdet(joint) / 2 == pytest.approx(mi, rel=1e-12)
    assert mutual_information(rho, d) == pytest.approx(mi, rel=1e-12)


@pytest.mark.parametrize(("mi", "d"), [(0.0, 20), (1.0, 0), (300.0, 20), (float("nan"), 20)])
def test_a_correlation_that_does_not_exist_is_an_error(mi: float, d: int) -> None:
    with pytest.raises(ValueError, match="0 < mi < 15 d"):
        correlation(mi, d)


def test_pairs_have_unit_variance_and_the_asked_correlation() -> None:
    x, y = sample_pairs(rhos(), 20_000, 3, source())
    for one, two, product in ((x, x, torch.ones(5)), (y, y, torch.ones(5)), (x, y, rhos())):
        torch.testing.assert_close((one * two).mean(dim=(1, 2)), product.double(), atol=0.03, rtol=0)  # 5 sd


def test_the_density_ratio_is_joint_over_product_of_the_marginals() -> None:
    d, rho = 3, torch.tensor([0.2, 0.9], dtype=torch.float64)
    x, y = sample_pairs(rho, 4, d, source())
    one = torch.eye(d, dtype=torch.float64)
    alone = MultivariateNormal(torch.zeros(d, dtype=torch.float64), one)
    for i, r in enumerate(rho):
        covariance = torch.cat([torch.cat([one, r * one], 1), torch.cat([r * one, one], 1)])
        joint = MultivariateNormal(torch.zeros(2 * d, dtype=torch.float64), covariance)
        for a in range(4):
            for b in range(4):
                wanted = joint.log_prob(torch.cat([x[i, a], y[i, b]])) - alone.log_prob(x[i, a])
                wanted -= alone.log_prob(y[i, b])
                assert log_density_ratio(x, y, rho)[i, a, b] == pytest.approx(float(wanted), abs=1e-10)


@pytest.mark.parametrize("alpha", [None, 1.0, 512.0])
def test_the_losses_of_a_batch_are_eqco_s_equation_in_a_loop(alpha: float | None) -> None:
    scores = torch.randn(3, 4, 4, generator=source(), dtype=torch.float64)
    for one, loss in zip(scores.tolist(), in_batch_losses(scores, alpha), strict=True):
        total = 0.0
        for i in range(4):
            own = math.exp(one[i][i]) / ((alpha or 3) / 3)  # the margin ln(alpha / K) taken off
            total -= math.log(own / (own + sum(math.exp(one[i][j]) for j in range(4) if j != i)))
        assert loss == pytest.approx(total / 4, rel=1e-12)


@pytest.mark.parametrize("alpha", [512, 65536])
def test_the_limit_for_many_negatives_is_the_monte_carlo_value(alpha: int) -> None:
    limits = [skew_kl(float(rho), 20, alpha) for rho in rhos()]
    assert limits == pytest.approx(SKEW_KL[alpha], abs=0.015)  # 3 standard errors
    assert all(limit < min(mi, math.log1p(alpha)) for mi, limit in zip(MI, limits, strict=True))


def test_the_limit_is_a_single_integral_in_two_dimensions() -> None:
    """There ln r - I has a Laplace density of scale rho."""
    rho = correlation(3, 2)
    w = torch.linspace(-50, 50, 1_000_001, dtype=torch.float64)
    values = math.log1p(512) - torch.log1p(512 * torch.exp(-3 - w))
    wanted = torch.trapezoid(values * torch.exp(-w.abs() / rho) / (2 * rho), w)
    assert skew_kl(rho, 2, 512) == pytest.approx(float(wanted), abs=1e-7)


@pytest.mark.parametrize("d", [1, 20, 1000])
def test_the_limit_tends_to_the_mutual_information(d: int) -> None:
    limits = [skew_kl(correlation(2, d), d, 10.0**power) for power in (0, 1, 3, 5, 12)]
    assert limits == sorted(limits)
    assert limits[-1] == pytest.approx(2, abs=0.01)


@pytest.mark.parametrize(("rho", "d", "alpha"), [(1.0, 20, 512), (0.5, 0, 512), (0.5, 20, 0)])
def test_a_limit_that_does_not_exist_is_an_error(rho: float, d: int, alpha: float) -> None:
    with pytest.raises(ValueError, match="skew_kl needs"):
        skew_kl(rho, d, alpha)


@pytest.mark.parametrize(("K", "batches"), [(64, 100), (256, 25)])
def test_the_perfect_critic_gives_the_density_ratio_s_values(K: int, batches: int) -> None:
    alphas = [float(K), 512.0]
    means, errors = estimates(density_ratio_losses(rhos(), 20, alphas), alphas, rhos(), K, 20, batches, source())
    assert errors.max() < 0.02
    torch.testing.assert_close(means, torch.tensor(DENSITY_RATIO[K], dtype=torch.float64), atol=0.08, rtol=0)


def test_the_perfect_critic_s_estimates_fall_with_k_towards_their_limit() -> None:
    rho, alphas = rhos()[:2], [512.0]
    losses = density_ratio_losses(rho, 20, alphas)
    means = [
        estimates(losses, alphas, rho, K, 20, batches, source())[0] for K, batches in ((8, 400), (64, 100), (512, 10))
    ]
    for i, mi in enumerate(MI[:2]):
        values = [float(mean[0, i]) for mean in means]
        assert values == sorted(values, reverse=True)
        assert values[0] > mi  # K far below alpha: no lower bound
        assert values[2] > skew_kl(float(rho[i]), 20, 512)


def test_exchanging_a_mean_for_its_expectation_leaves_the_estimates() -> None:
    rho, alphas, K = rhos()[:1], [8.0], 8
    plain = estimates(
        lambda x, y: in_batch_losses(log_density_ratio(x, y, rho), 8.0)[None], alphas, rho, K, 20, 500, source()
    )
    exchanged = estimates(density_ratio_losses(rho, 20, alphas), alphas, rho, K, 20, 500, source(1))
    assert exchanged[1] < 0.7 * plain[1]
    assert float(exchanged[0]) == pytest.approx(float(plain[0]), abs=4 * float(plain[1]))
