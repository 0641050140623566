import math
from typing import Any

import pytest
import torch
from torch import Tensor

from contrastive_lab.analysis.result import AnalysisResult
from contrastive_lab.diagnostics import gradient_norm
from contrastive_lab.losses import info_nce
from contrastive_lab.theory.sphere import gradient
from contrastive_lab.theory.sphere.gradient import expected_bound, expected_limit, frozen_keys, frozen_pairs, gradients
from tests.theory_experiment import with_dials

experiment = with_dials("gradient_norm")
# Measured apart from this project, 400 draws around one query: random unit keys of 32 dimensions, tau = 0.2, the key
# near the query. (K, alpha) -> mean norm, sd over the draws, bound, mean norm without EqCo.
NEAR = {
    (4, 64): (4.011, 0.43, 7.615, 0.888),
    (16, 256): (4.461, 0.23, 9.274, 2.100),
    (64, 256): (4.253, 0.13, 9.274, 3.493),
    (256, 256): (4.205, 0.07, 9.274, 4.202),
    (1024, 256): (4.190, 0.03, 9.274, 4.433),
    (16, 65536): (4.832, 0.29, 9.997, 2.100),
    (256, 65536): (4.534, 0.08, 9.997, 4.202),
}
# Measured apart from this project, 4,000 queries: random unit vectors of 128 dimensions with a shared mean, tau = 0.2.
# K -> loss, norm, bound, MI estimate of InfoNCE and of EqCo with alpha = 256.
FROZEN = {
    4: ((0.139, 0.70, 1.30, 1.47), (2.329, 4.91, 9.03, 3.22)),
    16: ((0.467, 1.84, 3.72, 2.37), (2.333, 4.48, 9.02, 3.22)),
    64: ((1.217, 3.39, 7.01, 2.96), (2.351, 4.37, 9.03, 3.20)),
    256: ((2.350, 4.34, 9.03, 3.20), (2.347, 4.34, 9.03, 3.20)),
}
# ln E exp(q.k / tau) for uniform keys of 128 dimensions: ln 0F1(; 64; 1 / (4 tau^2)).
LOG_MEAN_EXP = {0.5: 0.015623, 0.2: 0.097583, 0.07: 0.792382}


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def row(outcome: AnalysisResult, K: int, alpha: float | None) -> dict[str, Any]:
    (found,) = (
        row
        for row in outcome.table
        if row["K"] == K and (row["objective"] == "InfoNCE" if alpha is None else (row["alpha"] == alpha))
        if (row["objective"] == "EqCo") == (alpha is not None)
    )
    return found


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


@pytest.fixture(scope="module")
def near() -> AnalysisResult:
    return experiment(
        K=[4, 16, 64, 256, 1024], alphas=[64.0, 256.0, 65536.0], D=33, shared=0.0, positive=0.6765, queries=8, draws=100
    )


def test_the_features_have_the_cosines_they_are_asked_for() -> None:
    q, own = frozen_pairs(50, 16, 0.6, 0.2, source())
    keys = frozen_keys(2000, 16, 0.2, source(1))
    for x in (q, own, keys):
        torch.testing.assert_close(x.square().sum(dim=1), torch.ones(len(x), dtype=torch.float64))
    torch.testing.assert_close((q * own).sum(dim=1), torch.full((50,), 0.6, dtype=torch.float64))
    for x in (q, own):
        assert float((x @ keys.T).mean()) == pytest.approx(0.2, abs=0.01)  # 15 sd


@pytest.mark.parametrize("alpha", [None, 1.0, 256.0])
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
    for K, (norms, losses) in zip(Ks, gradients(q.detach(), own, draw, Ks, [alpha, 7.0], tau), strict=True):
        wanted = info_nce((q * own).sum(dim=1), q @ keys[:K].T, tau, alpha, "none")
        torch.testing.assert_close(losses[0], wanted.detach(), rtol=1e-10, atol=1e-12)
        for i in range(len(q)):
            (own_gradient,) = torch.autograd.grad(wanted[i], q, retain_graph=True)
            assert float(norms[0, i]) == pytest.approx(float(own_gradient[i].norm()), rel=1e-9)
        assert float(norms[0].mean()) == pytest.approx(float(gradient_norm(wanted, [q])), rel=1e-9)


def test_repeating_every_negative_changes_nothing_under_eqco() -> None:
    q, own = frozen_pairs(5, 8, 0.4, 0.0, source())
    keys = frozen_keys(6, 8, 0.0, source(1))
    once, twice = gradients(q, own, lambda n: keys[:n], [6, 12], [None, 64.0], 0.2)
    for one, two in zip(once, twice, strict=True):
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
def test_features_that_do_not_exist_are_refused(D: int, positive: float, shared: float) -> None:
    with pytest.raises(ValueError, match="are needed, not D="):
        frozen_pairs(4, D, positive, shared, source())
    with pytest.raises(ValueError, match="are needed, not D="):
        expected_limit(D, positive, shared, 0.2, 256)


@pytest.mark.parametrize(("positive", "shared"), [(1.0, 0.3), (2 * 0.03 - 1, 0.03), (-1.0, 0.0)])
def test_the_ends_of_the_range_of_cosines_exist(positive: float, shared: float) -> None:
    q, own = frozen_pairs(4, 8, positive, shared, source())
    torch.testing.assert_close((q * own).sum(dim=1), torch.full((4,), positive, dtype=torch.float64))


@pytest.mark.parametrize(("K", "alpha"), NEAR)
def test_norms_around_a_query_are_those_measured_elsewhere(near: AnalysisResult, K: int, alpha: float) -> None:
    """The cosine of query and key is the one that gives their bound; the norms then have to follow."""
    mean, sd, bound, without = NEAR[K, alpha]
    ours, plain = row(near, K, alpha), row(near, K, None)
    assert ours["bound"] == pytest.approx(bound, abs=0.01)
    assert ours["gradient_norm"] == pytest.approx(mean, abs=0.01 + 0.2 * sd)  # 4 se of 400 draws
    assert ours["sd"] == pytest.approx(sd, abs=0.005 + 0.12 * sd)
    assert plain["gradient_norm"] == pytest.approx(without, rel=0.03)


def test_eqco_keeps_the_norm_where_infonce_lets_it_fall(near: AnalysisResult) -> None:
    Ks = (16, 64, 256, 1024)
    norms = [row(near, K, 256)["gradient_norm"] for K in Ks]
    plain = [row(near, K, None)["gradient_norm"] for K in Ks]
    assert max(norms) / min(norms) < 1.07
    assert plain == sorted(plain)
    assert plain[-1] / plain[0] == pytest.approx(4.433 / 2.100, rel=0.05)
    summary = near.summary
    assert summary["largest_over_smallest_norm_EqCo_256_K_16_to_1024"] == max(norms) / min(norms)


@pytest.mark.parametrize("alpha", [64, 256, 65536])
def test_the_noise_of_the_norm_grows_as_k_falls(near: AnalysisResult, alpha: float) -> None:
    spreads = [row(near, K, alpha)["sd"] for K in (4, 16, 64, 256, 1024)]
    assert spreads == sorted(spreads, reverse=True)
    assert spreads[1] / spreads[3] == pytest.approx(4, rel=0.4)  # about 1 / sqrt(K)


def test_the_mean_norm_is_always_below_the_bound(near: AnalysisResult) -> None:
    assert all(row["gradient_norm"] <= row["bound"] for row in near.table)
    assert near.summary["largest_share_of_the_bound"] < 1


@pytest.mark.parametrize("K", FROZEN)
def test_frozen_features_give_the_numbers_measured_elsewhere(K: int) -> None:
    """Their settings are not on record: two cosines are fitted to these 32 numbers, all of which then agree."""
    outcome = experiment(K=[K], alphas=[256.0], D=128, positive=0.713, shared=0.035, queries=64, draws=30)
    for alpha, (loss, norm, bound, estimate) in zip((None, 256.0), FROZEN[K], strict=True):
        ours = row(outcome, K, alpha)
        assert ours["loss"] == pytest.approx(loss, abs=0.02)
        assert ours["gradient_norm"] == pytest.approx(norm, rel=0.025)
        assert ours["bound"] == pytest.approx(bound, rel=0.01)
        assert ours["mi_estimate"] == pytest.approx(estimate, abs=0.02)


def test_many_negatives_reach_the_exact_limit() -> None:
    outcome = experiment(K=[1, 16384], D=24, queries=4, draws=2)
    for alpha in (256, 65536):
        found = row(outcome, 16384, alpha)
        assert found["gradient_norm"] == pytest.approx(found["limit"], rel=0.005)
        assert row(outcome, 1, alpha)["gradient_norm"] > 1.1 * found["limit"]


def test_the_figure_has_a_line_and_a_bound_for_each_objective(near: AnalysisResult) -> None:
    left, right = near.figure.axes
    labels = left.get_legend_handles_labels()[1]
    assert labels[::2] == ["InfoNCE", "EqCo, alpha 64", "EqCo, alpha 256", "EqCo, alpha 65536"]
    assert labels[1::2] == [f"{label}: bound" for label in labels[::2]]
    assert len(left.collections) == 4  # bands
    assert left.get_xscale() == right.get_xscale() == right.get_yscale() == "log"


@pytest.mark.parametrize(
    ("dials", "message"),
    [
        ({"K": []}, r"theory.K=\[\]: must be whole numbers, 1 or more"),
        ({"K": [4, 0]}, r"theory.K=\[4, 0\]: must be"),
        ({"alphas": [0.0]}, r"theory.alphas=\[0.0\]: must be numbers above 0, or \[\]"),
        ({"tau": 0.001}, "theory.tau=0.001: must be 0.01 or more"),
        ({"D": 2}, "theory.D=2: must be 3 or more"),
        ({"shared": 1.0}, "theory.shared=1.0: must be from 0 to below 1"),
        ({"positive": 1.5}, "theory.positive=1.5: must be from 2 theory.shared - 1 = -0.94 to 1"),
        ({"queries": 0}, "theory.queries=0: must be 1 or more"),
        ({"draws": 1}, "theory.draws=1: must be 2 or more"),
    ],
)
def test_a_bad_dial_is_named(dials: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        experiment(**dials)
