"""Intervals and tests against scipy's own, printed tables, brute force and made-up sweeps."""

import math

import numpy as np
import pytest
from scipy import stats

from contrastive_lab.report.inference import (
    difference,
    equal_to_last,
    equivalence,
    flat,
    further_seeds,
    gaps,
    holm,
    over_seeds_and_images,
    seeds_for_difference,
    seeds_for_equivalence,
    slope_step,
    slopes,
    t_interval,
    wilson,
)
from tests.test_report.power import power_of_difference, power_of_equality

SWEEPS = 10_000  # made-up ones
MOST = 0.05 + 2 * math.sqrt(0.05 * 0.95 / SWEEPS)  # 5.44 %: 5 % and two standard errors of a share of so many


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


def test_the_rounding_of_a_slope_is_that_of_its_values_by_least_squares() -> None:
    """Values with errors that are uniform over a step: the deviation of their slope is slope_step / sqrt(12)."""
    x, rng = [1, 4, 16, 255], np.random.default_rng(0)
    found = slopes(x, rng.uniform(-0.5, 0.5, (200_000, 4))).std()
    assert found == pytest.approx(slope_step(x, 1.0) / 12**0.5, rel=0.01)


def test_equivalence_is_the_larger_of_scipys_one_sided_tests() -> None:
    d = [0.1, -0.2, 0.25, 0.05, 0.3]
    both = (
        stats.ttest_1samp(d, -0.5, alternative="greater").pvalue,
        stats.ttest_1samp(d, 0.5, alternative="less").pvalue,
    )
    assert equivalence(d, 0.5) == pytest.approx(max(both))
    assert equivalence([1.0], 0.5) == 1.0
    assert (equivalence([0.1, 0.1], 0.5), equivalence([0.6, 0.6], 0.5)) == (0.0, 1.0)


def test_a_difference_is_scipys_paired_test() -> None:
    d = [[0.1, -0.2, 0.25, 0.05, 0.3], [1.0, 1.1, 0.9, math.nan, 1.2]]
    expected = [stats.ttest_1samp(row, 0, nan_policy="omit").pvalue for row in d]
    assert difference(d) == pytest.approx(expected)
    assert [difference(one) for one in ([1.0], [0.1, 0.1], [0.0, 0.0])] == [1.0, 0.0, 1.0]


def test_flat_and_enough_are_made_of_single_tests() -> None:
    """Two sweeps of three seeds at once, with a seed missing at the second of four points."""
    y = np.random.default_rng(0).normal(48, 0.2, (2, 3, 4))
    y[0, 1, 1], y[1, :, 0] = math.nan, y[1, :, 0] + 1
    pairs = [(i, j) for i in range(4) for j in range(i)]
    single = [[equivalence((s[:, i] - s[:, j])[~np.isnan(s[:, i] - s[:, j])], 0.8) for i, j in pairs] for s in y]
    assert gaps(y).shape == (2, 6, 3)
    assert flat(y, 0.8).tolist() == [all(p < 0.05 for p in row) for row in single]
    below = [[equivalence((s[:, i] - s[:, 3])[~np.isnan(s[:, i])], 0.8) < 0.05 for i in (2, 1, 0)] for s in y]
    assert equal_to_last(y, 0.8).tolist() == [[*row, False].index(False) for row in below]


def test_holm_is_the_example_of_the_method() -> None:
    """Four p values by hand: the smallest times 4, the next times 3, never below the one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert len(holm([])) == 0
    assert holm([[0.9, 0.8], [0.01, 0.02]]) == pytest.approx(np.array([[1.0, 1.0], [0.02, 0.02]]))


@pytest.mark.parametrize(
    ("sd", "margin", "wrong"), [(0.3, 0.5, 0.05), (0.8, 0.5, 0.05), (1.0, 1.0, 0.05), (0.5, 1.0, 0.05 / 9)]
)
def test_so_many_seeds_find_equal_settings_equivalent_in_four_of_five_tries(
    sd: float, margin: float, wrong: float
) -> None:
    n, rng = seeds_for_equivalence(sd, margin, wrong), np.random.default_rng(0)

    def found(seeds: int) -> float:
        return float(np.mean(equivalence(rng.normal(0, sd, (SWEEPS, seeds)), margin) < wrong))

    assert found(n) > 0.79
    assert n == 2 or found(n - 1) < 0.81


def test_so_many_seeds_find_a_difference_in_four_of_five_tries() -> None:
    n, rng = seeds_for_difference(1.0, 1.0), np.random.default_rng(0)
    tries = stats.ttest_1samp(rng.normal(1.0, 1.0, (4000, n)), 0, axis=1).pvalue
    assert np.mean(tries < 0.05) == pytest.approx(0.8, abs=0.05)
    assert seeds_for_difference(1.0, 0.001) == 1000


@pytest.mark.parametrize("wrong", [0.05, 0.05 / 17])
@pytest.mark.parametrize(("sd", "size"), [(1.0, 1.0), (0.5, 0.2), (1.0, 30.0), (0.1, 3.0)])
def test_so_many_seeds_are_the_first_with_scipys_power(sd: float, size: float, wrong: float) -> None:
    least = seeds_for_difference(sd, size, wrong)
    assert power_of_difference(least, sd, size, wrong) >= 0.8
    assert least == 2 or power_of_difference(least - 1, sd, size, wrong) < 0.8
    least = seeds_for_equivalence(sd, size, wrong)
    assert power_of_equality(least, sd, size, wrong) > 0.79
    assert least == 2 or power_of_equality(least - 1, sd, size, wrong) < 0.81


def test_seeds_after_a_correction_are_those_of_its_first_step() -> None:
    found = t_interval([1.0, 0.2, 0.6])
    assert found.sd == pytest.approx(0.4)
    needed = seeds_for_equivalence(0.4, 1.0, 0.05 / 17), seeds_for_difference(0.4, 0.6, 0.05 / 17)
    assert further_seeds(found, 1.0, tests=17) == (needed[0] - 3, needed[1] - 3)
    assert further_seeds(found, 1.0) < further_seeds(found, 1.0, tests=17)


def test_equal_differences_of_a_coarse_accuracy_are_no_proof() -> None:
    """Two seeds of 1,000 test images whose differences are the same by chance: an image is 0.1 points."""
    assert difference([-0.1, -0.1]) == 0
    assert difference([-0.1, -0.1], step=0.1) > 0.05
    assert equivalence([-0.1, -0.1], 0.2, step=0.1) > 0.05
    found = t_interval([-0.1, -0.1], step=0.1)
    assert (found.low, found.high) == pytest.approx((-0.1 - 12.7062 * 0.1 / math.sqrt(24), -0.1 + 0.2593643))
    assert t_interval([1.0, 3.0, 2.0], step=0.1) == t_interval([1.0, 3.0, 2.0])


def bits(rng: np.random.Generator, *shape: int, by_seed: float, by_image: float) -> tuple[np.ndarray, np.ndarray]:
    """Two equal settings (..., n, m): chances on a logit scale with effects of image, of seed and of both."""
    *many, n, m = shape
    base = rng.normal(0, 1.5, (*many, 1, m))

    def one() -> np.ndarray:
        shift = rng.normal(0, by_seed, (*many, n, 1)) + rng.normal(0, by_image, (*many, 1, m))
        return rng.random(shape) < 1 / (1 + np.exp(-(base + shift)))

    return one(), one()


def test_the_interval_over_seeds_and_images_is_the_analysis_of_variance_by_loops() -> None:
    right, other = bits(np.random.default_rng(0), 4, 50, by_seed=0.6, by_image=1.5)
    d = [[100.0 * (int(a) - int(b)) for a, b in zip(*rows, strict=True)] for rows in zip(right, other, strict=True)]
    mean = sum(map(sum, d)) / 200
    rows, columns = [sum(row) / 50 for row in d], [sum(row[i] for row in d) / 4 for i in range(50)]
    seeds = 50 * sum((r - mean) ** 2 for r in rows) / 3
    images = 4 * sum((c - mean) ** 2 for c in columns) / 49
    rest = sum((d[s][i] - rows[s] - columns[i] + mean) ** 2 for s in range(4) for i in range(50)) / 147
    found = over_seeds_and_images(right, other)
    assert images > rest
    half = math.sqrt((3.182446**2 * seeds + 2.009575**2 * (images - rest)) / 200)  # t of 97.5 % at 3 and 49 degrees
    assert found.high - found.mean == pytest.approx(half, rel=1e-6)
    assert (found.mean, found.n) == (pytest.approx(mean), 4)
    alone = t_interval(rows)
    assert found.high > alone.high and found.sd == pytest.approx(alone.sd)


def lines(n: int, *means: list[float], sd: float = 0.5) -> list[np.ndarray]:
    """Lines (SWEEPS, n, points) of made-up sweeps by their means, with an effect of the seed that all points share."""
    rng = np.random.default_rng(n)
    seeds = rng.normal(0, 1, (SWEEPS, n, 1))
    return [np.array(line) + seeds + rng.normal(0, sd, (SWEEPS, n, len(line))) for line in means]


@pytest.mark.long
@pytest.mark.parametrize("n", [3, 5])
def test_intervals_of_made_up_sweeps_hold_the_truth_in_95_of_100(n: int) -> None:
    """Of means, of paired differences, of slopes, and of the difference of two lines' slopes."""
    line, other = lines(n, [47, 48, 48.5], [47, 47, 47])
    (truth,) = slopes([1, 16, 255], [[47, 48, 48.5]])
    own, flat_one = slopes([1, 16, 255], line), slopes([1, 16, 255], other)
    found = [(line[..., 0], 47), (line[..., 2] - line[..., 0], 1.5), (own, truth), (own - flat_one, truth)]
    for values, mean in found:
        interval = t_interval(values)
        assert 0.94 <= np.mean((interval.low <= mean) & (mean <= interval.high)) <= 0.96


@pytest.mark.long
@pytest.mark.parametrize("n", [3, 5])
def test_of_sweeps_without_a_difference_5_of_100_claim_one(n: int) -> None:
    """Each sentence by itself: rises or falls, slopes differ, differs at some x of another line, or from another x."""
    line, other = lines(n, [48] * 5, [48] * 5)
    own, theirs = (slopes([1, 4, 16, 64, 255], y) for y in (line, other))
    against_line = difference(np.moveaxis(line - other, 1, -1))
    against_x = difference(np.moveaxis(line[..., 1:] - line[..., :1], 1, -1))
    claims = [t_interval(own).clear, t_interval(own - theirs).clear]
    claims += [(holm(p) < 0.05).any(axis=-1) for p in (against_line, against_x)]
    assert all(np.mean(claim) <= MOST for claim in claims), [*map(np.mean, claims)]


@pytest.mark.long
@pytest.mark.parametrize("sd", [0.05, 0.3])
@pytest.mark.parametrize("n", [3, 5])
def test_what_differs_by_the_margin_is_called_the_same_in_at_most_5_of_100(n: int, sd: float) -> None:
    """Each sentence by itself: a pair, flat, what is enough, and some of several with Holm's correction."""
    line, other = lines(n, [48, 48.5, 48, 48], [48.5, 48.5, 47.5, 48.5], sd=sd)
    several = equivalence(np.moveaxis(other[..., :3] - line[..., :1], 1, -1), 0.5)
    claims = [
        equivalence(line[..., 1] - line[..., 3], 0.5) < 0.05,
        flat(line, 0.5),
        equal_to_last(line, 0.5) >= 2,
        (holm(several) < 0.05).any(axis=-1),
    ]
    assert all(np.mean(claim) <= MOST for claim in claims), [*map(np.mean, claims)]
    assert np.mean(claims[0]) > 0.04 or sd > 0.1  # the test is no looser than it may be, where noise is small


@pytest.mark.long
@pytest.mark.parametrize("n", [3, 5])
@pytest.mark.parametrize(
    ("by_seed", "by_image"), [(0.0, 0.0), (0.1, 0.0), (0.0, 0.7), (0.1, 0.7), (0.2, 0.7), (0.3, 1.5)]
)
def test_intervals_over_seeds_and_images_hold_the_truth_in_94_of_100(n: int, by_seed: float, by_image: float) -> None:
    """From neither over either to both, where seeds differ as much as images do."""
    rng = np.random.default_rng(n)
    shares = []
    for _ in range(SWEEPS // 500):
        found = over_seeds_and_images(*bits(rng, 500, n, 300, by_seed=by_seed, by_image=by_image))
        shares.append(np.mean(~found.clear))
    assert np.mean(shares) >= 0.94
