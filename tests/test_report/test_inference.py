"""Intervals and tests against scipy's own, printed tables, brute force and made-up sweeps."""

import math

import numpy as np
import pytest
from scipy import stats

from contrastive_lab.report.inference import (
    equivalence,
    holm,
    over_seeds_and_images,
    seeds_for_difference,
    seeds_for_equivalence,
    slopes,
    t_interval,
    wilson,
)

SWEEPS = 10_000


def test_the_t_interval_is_that_of_a_table() -> None:
    """t of 97.5 % is 4.303 at 2 and 2.776 at 4 degrees of freedom."""
    found = t_interval([1.0, 2.0, 3.0])
    assert (found.mean, found.n, found.sd) == (2.0, 3, 1.0)
    assert found.high - 2 == pytest.approx(4.303 / math.sqrt(3), rel=1e-3)
    assert t_interval([1, 2, 3, 4, 5]).low == pytest.approx(3 - 2.776 * math.sqrt(2.5 / 5), rel=1e-3)
    assert all(math.isnan(value) for value in (t_interval([1.0]).low, t_interval([]).mean))


def test_wilsons_interval_is_the_formula() -> None:
    z, p, n = 1.959964, 0.8, 1000
    centre, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = ((centre + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    assert wilson(80.0, 1000) == pytest.approx((100 * low, 100 * high), rel=1e-6)
    for bad in ((101.0, 10), (50.0, 0)):
        with pytest.raises(ValueError, match="must be 0 to 100 percent"):
            wilson(*bad)


def test_slopes_are_points_per_doubling() -> None:
    y = [[40.0, 42.0, 44.0], [40.0, 40.0, 46.0]]  # at K = 1, 4, 16: one point a doubling; the second by hand
    assert slopes([1, 4, 16], y).tolist() == pytest.approx([1.0, (2 * 46 - 2 * 40) / 8])
    expected = [stats.linregress(np.log2([1, 16, 255]), row).slope for row in y]
    assert slopes([1, 16, 255], y).tolist() == pytest.approx(expected)


def test_equivalence_is_the_larger_of_scipys_one_sided_tests() -> None:
    d = [0.1, -0.2, 0.25, 0.05, 0.3]
    both = (
        stats.ttest_1samp(d, -0.5, alternative="greater").pvalue,
        stats.ttest_1samp(d, 0.5, alternative="less").pvalue,
    )
    assert equivalence(d, 0.5) == pytest.approx(max(both))
    assert equivalence([1.0], 0.5) == 1.0
    assert (equivalence([0.1, 0.1], 0.5), equivalence([0.6, 0.6], 0.5)) == (0.0, 1.0)


def test_holm_is_the_example_of_the_method() -> None:
    """Four p values by hand: the smallest times 4, the next times 3, never below the one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


@pytest.mark.long
@pytest.mark.parametrize(("sd", "margin"), [(0.3, 0.5), (0.8, 0.5), (1.0, 1.0)])
def test_so_many_seeds_find_equal_settings_equivalent_in_four_of_five_tries(sd: float, margin: float) -> None:
    n, rng = seeds_for_equivalence(sd, margin), np.random.default_rng(0)

    def found(seeds: int) -> float:
        return float(np.mean([equivalence(rng.normal(0, sd, seeds), margin) < 0.05 for _ in range(2000)]))

    assert found(n) > 0.77
    assert n == 2 or found(n - 1) < 0.83


def test_so_many_seeds_find_a_difference_in_four_of_five_tries() -> None:
    n, rng = seeds_for_difference(1.0, 1.0), np.random.default_rng(0)
    tries = stats.ttest_1samp(rng.normal(1.0, 1.0, (4000, n)), 0, axis=1).pvalue
    assert np.mean(tries < 0.05) == pytest.approx(0.8, abs=0.05)
    assert seeds_for_difference(1.0, 0.001) == 1000


def bits(rng: np.random.Generator, n: int, m: int, by_seed: float, by_image: float) -> tuple[np.ndarray, np.ndarray]:
    """Two equal settings: chances on a logit scale with effects of image, of seed and of both."""
    base = rng.normal(0, 1.5, m)

    def one() -> np.ndarray:
        shift = rng.normal(0, by_seed, (n, 1)) + rng.normal(0, by_image, (1, m))
        return rng.random((n, m)) < 1 / (1 + np.exp(-(base + shift)))

    return one(), one()


def test_the_interval_over_seeds_and_images_is_the_analysis_of_variance_by_loops() -> None:
    rng = np.random.default_rng(0)
    right, other = bits(rng, 4, 50, 0.6, 1.5)
    d = [[100.0 * (int(a) - int(b)) for a, b in zip(*rows, strict=True)] for rows in zip(right, other, strict=True)]
    mean = sum(map(sum, d)) / 200
    rows, columns = [sum(row) / 50 for row in d], [sum(row[i] for row in d) / 4 for i in range(50)]
    seeds = 50 * sum((r - mean) ** 2 for r in rows) / 3
    images = 4 * sum((c - mean) ** 2 for c in columns) / 49
    rest = sum((d[s][i] - rows[s] - columns[i] + mean) ** 2 for s in range(4) for i in range(50)) / 147
    both = seeds + images - rest
    found = over_seeds_and_images(right, other)
    assert both > max(seeds, images)
    df = both**2 / (seeds**2 / 3 + images**2 / 49 + rest**2 / 147)
    assert found.high - found.mean == pytest.approx(stats.t.ppf(0.975, df) * math.sqrt(both / 200))
    assert (found.mean, found.n) == (pytest.approx(mean), 4)


@pytest.mark.long
@pytest.mark.parametrize("n", [3, 5])
def test_intervals_of_made_up_sweeps_hold_the_truth_in_95_of_100(n: int) -> None:
    rng = np.random.default_rng(n)
    values = rng.normal(48, 0.5, (SWEEPS, n))
    covered = np.mean([low <= 48 <= high for _, low, high, *_ in map(t_interval, values)])
    assert 0.94 <= covered <= 0.96
    falls = slopes([1, 16, 255], np.array([47, 48, 48.5]) + rng.normal(0, 0.5, (SWEEPS * n, 3))).reshape(SWEEPS, n)
    truth = slopes([1, 16, 255], [[47, 48, 48.5]])[0]
    assert 0.94 <= np.mean([low <= truth <= high for _, low, high, *_ in map(t_interval, falls)]) <= 0.96


@pytest.mark.long
@pytest.mark.parametrize("n", [3, 5])
def test_two_settings_at_the_margin_are_called_equivalent_in_at_most_5_of_100(n: int) -> None:
    rng = np.random.default_rng(n)
    for sd in (0.1, 0.5):
        differences = rng.normal(0.5, sd, (SWEEPS, n))
        assert np.mean([equivalence(each, 0.5) < 0.05 for each in differences]) <= 0.055


@pytest.mark.long
@pytest.mark.parametrize("n", [3, 5])
@pytest.mark.parametrize(("by_seed", "by_image"), [(0.0, 0.0), (0.1, 0.0), (0.0, 0.7), (0.1, 0.7)])
def test_intervals_over_seeds_and_images_hold_the_truth_in_94_of_100(n: int, by_seed: float, by_image: float) -> None:
    rng = np.random.default_rng(n)
    tries = [over_seeds_and_images(*bits(rng, n, 300, by_seed, by_image)) for _ in range(SWEEPS // 4)]
    assert np.mean([low <= 0 <= high for _, low, high, *_ in tries]) >= 0.94
