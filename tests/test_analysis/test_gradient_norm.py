"""The program `theory=gradient_norm` against numbers measured elsewhere."""

import math
from typing import Any

import pytest

from contrastive_lab.analysis.result import AnalysisResult
from contrastive_lab.errors import ConfigError
from tests.theory_programs import with_settings

experiment = with_settings("gradient_norm")
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


def row(result: AnalysisResult, K: int, alpha: float | None) -> dict[str, Any]:
    (found,) = (
        row
        for row in result.table
        if row["K"] == K and (row["objective"] == "InfoNCE" if alpha is None else (row["alpha"] == alpha))
        if (row["objective"] == "EqCo") == (alpha is not None)
    )
    return found


@pytest.fixture(scope="module")
def near() -> AnalysisResult:
    return experiment(
        K=[4, 16, 64, 256, 1024], alphas=[64.0, 256.0, 65536.0], D=33, shared=0.0, positive=0.6765, queries=8, draws=100
    )


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
    result = experiment(K=[K], alphas=[256.0], D=128, positive=0.713, shared=0.035, queries=64, draws=30)
    for alpha, (loss, norm, bound, estimate) in zip((None, 256.0), FROZEN[K], strict=True):
        ours = row(result, K, alpha)
        assert ours["loss"] == pytest.approx(loss, abs=0.02)
        assert ours["gradient_norm"] == pytest.approx(norm, rel=0.025)
        assert ours["bound"] == pytest.approx(bound, rel=0.01)
        assert ours["mi_estimate"] == pytest.approx(estimate, abs=0.02)


def test_many_negatives_reach_the_exact_limit() -> None:
    result = experiment(K=[1, 16384], D=24, queries=4, draws=2)
    for alpha in (256, 65536):
        found = row(result, 16384, alpha)
        assert found["gradient_norm"] == pytest.approx(found["limit"], rel=0.005)
        assert row(result, 1, alpha)["gradient_norm"] > 1.1 * found["limit"]


def test_the_figure_has_a_line_and_a_bound_for_each_objective(near: AnalysisResult) -> None:
    left, right = near.figure.axes
    labels = left.get_legend_handles_labels()[1]
    assert labels[::2] == ["InfoNCE", "EqCo, alpha 64", "EqCo, alpha 256", "EqCo, alpha 65536"]
    assert labels[1::2] == [f"{label}: bound" for label in labels[::2]]
    assert len(left.collections) == 4  # bands
    assert left.get_xscale() == right.get_xscale() == right.get_yscale() == "log"


def test_the_noise_of_equal_weights_is_that_of_a_mean_of_k_keys() -> None:
    """A key is at sqrt(1 - shared) from the mean key; weights are equal at K = 1 and where tau is very large."""
    found = experiment(K=[1, 4, 64], alphas=[64.0], tau=1e4, shared=0.25, positive=0.6, queries=2, draws=400)
    for K in (1, 4, 64):
        assert row(found, K, 64)["noise"] == pytest.approx((0.75 / K) ** 0.5, rel=0.03)
    at_one = row(experiment(K=[1], alphas=[64.0], shared=0.25, positive=0.6, queries=2, draws=400), 1, None)
    assert at_one["noise"] == pytest.approx(0.75**0.5, rel=0.03)


def test_the_second_figure_has_a_line_of_factors_for_each_alpha_and_inf(near: AnalysisResult) -> None:
    left, right = near.further["factor_and_noise"].axes
    assert left.get_legend_handles_labels()[1][-2:] == ["EqCo, alpha 65536", "alpha = inf (DCL)"]
    (noise, slope) = (line.get_ydata() for line in right.lines)
    assert slope[0] / slope[-1] == pytest.approx(16)  # K from 4 to 1024
    assert noise[-1] == slope[-1]


def test_an_infinite_alpha_is_what_large_ones_come_near_to() -> None:
    found = experiment(K=[4, 16], alphas=[1e12, math.inf], queries=4, draws=4)
    for K in (4, 16):
        large, infinite = (row(found, K, alpha) for alpha in (1e12, math.inf))
        for name in ("gradient_norm", "sd", "bound", "limit", "noise"):
            assert infinite[name] == pytest.approx(large[name], rel=1e-9)
        assert (infinite["factor"], infinite["mi_estimate"]) == (1, None)
        assert infinite["loss"] == pytest.approx(large["loss"] - math.log(1e12), abs=1e-9)
        assert infinite["bound"] == pytest.approx(2 / 0.2)
    left, _ = found.further["factor_and_noise"].axes
    assert left.get_legend_handles_labels()[1] == ["InfoNCE", "EqCo, alpha 1e+12", "EqCo, alpha inf"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"K": []}, r"theory.K=\[\]: must be a list of whole numbers"),
        ({"K": [4, 0]}, r"theory.K=\[4,0\]: must be"),
        ({"alphas": [0.0]}, r"theory.alphas=\[0.0\]: must be more than 0 each"),
        ({"tau": 0.001}, "theory.tau=0.001: must be 0.01 or more"),
        ({"D": 2}, "theory.D=2: must be 3 or more"),
        ({"shared": 1.0}, "theory.shared=1.0: must be 0 or more and less than 1"),
        ({"positive": 1.5}, "theory.positive=1.5: must be from 2 theory.shared - 1 = -0.94 to 1"),
        ({"queries": 0}, "theory.queries=0: must be 1 or more"),
        ({"draws": 1}, "theory.draws=1: must be 2 or more"),
    ],
)
def test_a_bad_setting_is_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        experiment(**settings)
