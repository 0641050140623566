import math
from collections.abc import Callable

import pytest
import torch
from torch.nn import functional as F

from contrastive_lab.diagnostics import uniformity
from contrastive_lab.losses import info_nce
from contrastive_lab.randomness import generator
from contrastive_lab.theory.sphere.uniformity import (
    alignment,
    info_nce_limit,
    log_0f1,
    log_mean_exp_negative,
    uniformity_simplex,
    uniformity_sphere,
)

# -4 + ln 0F1(; D/2; 4), computed once with a library's 0F1.
SPHERE = {2: -1.575027, 3: -2.079777, 8: -3.082527, 16: -3.513036, 32: -3.751805, 64: -3.875236}
SPHERE |= {128: -3.937530, 256: -3.968754, 512: -3.984375, 2048: -3.996094}


def on_sphere(n: int, D: int, *key: object) -> torch.Tensor:
    return F.normalize(torch.randn(n, D, generator=generator(*key), dtype=torch.float64), dim=1)


def simplex(n: int) -> torch.Tensor:
    return F.normalize(torch.eye(n, dtype=torch.float64) - 1 / n, dim=1)


@pytest.mark.parametrize("x", [1e-6, 0.3, 4.0, 51.0, 2500.0])
def test_the_series_has_its_elementary_forms(x: float) -> None:
    root = 2 * math.sqrt(x)  # 0F1(; 1/2; x) = cosh(2 sqrt x), 0F1(; 3/2; x) = sinh(2 sqrt x) / (2 sqrt x)
    assert log_0f1(0.5, x) == pytest.approx(math.log(math.cosh(root)), rel=1e-9)
    assert log_0f1(1.5, x) == pytest.approx(math.log(math.sinh(root) / root), rel=1e-9)
    assert log_0f1(0.5, 0.0) == 0


def test_the_series_is_finite_where_the_function_is_not() -> None:
    # cosh(2e4) overflows; its logarithm is 2e4 - ln 2.
    assert log_0f1(0.5, 1e8) == pytest.approx(2e4 - math.log(2), rel=1e-12)


@pytest.mark.parametrize(("D", "value"), SPHERE.items())
def test_uniformity_of_the_sphere_is_the_tabulated_one(D: int, value: float) -> None:
    assert uniformity_sphere(D) == pytest.approx(value, abs=6e-7)


def test_uniformity_of_the_sphere_has_its_closed_form_in_three_dimensions_and_in_one() -> None:
    assert uniformity_sphere(3) == pytest.approx(-4 + math.log(math.sinh(4) / 4), rel=1e-12)
    assert uniformity_sphere(1) == pytest.approx(math.log((1 + math.exp(-8)) / 2), rel=1e-12)  # two points


@pytest.mark.parametrize("D", [2, 3, 32, 128])
@pytest.mark.parametrize("t", [0.5, 2.0])
def test_measured_uniformity_of_the_sphere_is_the_closed_form(D: int, t: float) -> None:
    # The pairs of n uniform points are uncorrelated, so the mean over them has variance 2 Var / (n (n - 1)), and the
    # second moment of exp(-t s) is the first at 2t: the bound is five standard deviations of the mean's logarithm.
    n = 600
    relative = math.sqrt((math.exp(uniformity_sphere(D, 2 * t) - 2 * uniformity_sphere(D, t)) - 1) * 2 / (n * (n - 1)))
    measured = uniformity(on_sphere(n, D, "sphere", D), t).item()
    assert relative < 0.006
    assert measured == pytest.approx(uniformity_sphere(D, t), abs=5 * relative)


@pytest.mark.parametrize(("n", "value"), [(2, -8.0), (3, -6.0), (4, -16 / 3), (10, -40 / 9), (101, -4.04)])
def test_measured_uniformity_of_a_simplex_is_the_closed_form(n: int, value: float) -> None:
    assert uniformity_simplex(n) == pytest.approx(value, rel=1e-12)
    assert uniformity(simplex(n)).item() == pytest.approx(value, rel=1e-12)
    assert uniformity(simplex(n), t=0.5).item() == pytest.approx(uniformity_simplex(n, t=0.5), rel=1e-12)


def test_no_points_are_more_uniform_than_the_simplex() -> None:
    for D in (2, 5, 40):
        points = on_sphere(D + 1, D, "few", D)
        assert uniformity_simplex(D + 1) < uniformity(points).item()
        assert uniformity_simplex(D + 1) < uniformity_sphere(D)


def test_alignment_is_0_for_equal_rows_and_2_for_independent_ones() -> None:
    x, y = on_sphere(4000, 16, "x"), on_sphere(4000, 16, "y")
    assert alignment(x, x).item() == 0
    assert alignment(x, -x).item() == pytest.approx(4)
    assert alignment(x, -x, a=1).item() == pytest.approx(2)
    assert alignment(x, y).item() == pytest.approx(2 - 2 * (x * y).sum(1).mean().item())
    # A cosine of independent rows has mean 0 and variance 1/D.
    assert alignment(x, y).item() == pytest.approx(2, abs=5 * 2 / math.sqrt(16 * 4000))


@pytest.mark.parametrize(("tau", "value"), [(0.5, 0.015623), (0.2, 0.097583), (0.07, 0.792382)])
def test_the_mean_over_uniform_negatives_is_the_tabulated_one(tau: float, value: float) -> None:
    assert log_mean_exp_negative(128, tau) == pytest.approx(value, abs=6e-7)


@pytest.mark.parametrize("tau", [0.1, 0.5])
@pytest.mark.parametrize("alpha", [None, 1e9])
def test_info_nce_minus_ln_alpha_tends_to_its_limit(tau: float, alpha: float | None) -> None:
    N, K, D = 4, 50_000, 16
    queries, keys = on_sphere(N, D, "queries"), on_sphere(K, D, "keys")
    pos = torch.full((N,), 0.3, dtype=torch.float64)
    loss = info_nce(pos, queries @ keys.T, tau, alpha).item()
    # The mean over K negatives has relative variance (E e^2 / (E e)^2 - 1) / K, the queries share the negatives; and
    # the 1 beside the negatives in the loss adds less than exp(-limit) / alpha.
    limit = info_nce_limit(0.3, D, tau)
    relative = math.sqrt(math.expm1(log_mean_exp_negative(D, tau / 2) - 2 * log_mean_exp_negative(D, tau)) / K)
    bound = 5 * relative + math.exp(-limit) / (alpha or K)
    assert bound < 0.2
    assert loss - math.log(alpha or K) == pytest.approx(limit, abs=bound)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: log_0f1(0, 1), "b > 0 and x >= 0"),
        (lambda: log_0f1(1, -1), "b > 0 and x >= 0"),
        (lambda: uniformity_simplex(1), "n=1"),
        (lambda: log_mean_exp_negative(8, 0), "tau=0"),
    ],
)
def test_values_out_of_range_are_refused(call: Callable[[], float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
