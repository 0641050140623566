"""Coverage, expected draws and their law: exact fractions, enumeration, simulation."""

import itertools
import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from contrastive_lab.theory.coupon.collision import (
    collision_probability,
    expected_log_collisions,
)
from contrastive_lab.theory.coupon.draws import (
    coverage_probability,
    coverage_without_replacement,
    distinct_law,
    expected_draws,
    missing_probability,
    smallest_draws,
    variance_of_draws,
)
from contrastive_lab.theory.coupon.naive import inclusion_exclusion
from tests.exact_coverage import WEIGHTS, covered, split, subsets, surjections

SKEWED = (0.5, 0.25, 0.15, 0.1)


@pytest.mark.parametrize("classes", [1, 2, 4, 10, 100])
def test_uniform_coverage_is_exact_inclusion_exclusion(classes: int) -> None:
    for n in {0, classes - 1, classes, classes + 1, classes + 3, 2 * classes, 5 * classes, 10 * classes}:
        exact = float(Fraction(surjections(n, classes), classes**n))
        assert coverage_probability(n, classes) == pytest.approx(exact, rel=1e-10, abs=0)


@pytest.mark.parametrize("classes", [1, 2, 4, 10, 100])
def test_what_is_missing_is_exact_however_small(classes: int) -> None:
    for n in (
        0,
        classes - 1,
        classes,
        classes + 3,
        3 * classes,
        5 * classes,
        12 * classes,
        60 * classes,
        300 * classes,
    ):
        exact = float(1 - Fraction(surjections(n, classes), classes**n))
        assert missing_probability(n, classes) == pytest.approx(exact, rel=1e-9, abs=0)
        assert coverage_probability(n, classes) + missing_probability(n, classes) == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize(("draws", "classes"), [(65536, 1000), (20_000, 1000), (26030, 3029)])
def test_what_is_missing_of_many_classes_is_the_alternating_sum_in_integers(draws: int, classes: int) -> None:
    """Bonferroni: cutting the sum after an even and after an odd number of terms encloses it."""
    below = above = 0
    for j in range(1, 400):
        above = below + (-1) ** (j + 1) * math.comb(classes, j) * (classes - j) ** draws
        if abs(above - below) < above // 10**12:
            break
        below = above
    assert missing_probability(draws, classes) == pytest.approx(float(Fraction(above, classes**draws)), rel=1e-9, abs=0)


def test_what_is_missing_is_0_where_float64_ends() -> None:
    assert missing_probability(10**6, 10) == 0  # 10 * 0.9^n = 1e-45756
    assert missing_probability(6500, 10) == pytest.approx(float(10 * Fraction(9, 10) ** 6500), rel=1e-9, abs=0)


@pytest.mark.parametrize(
    ("classes", "draws", "expected"), [(1000, 4096, 2.874e-8), (1000, 7709, 0.6389599), (3029, 26030, 0.5706715)]
)
def test_coverage_of_many_classes(classes: int, draws: int, expected: float) -> None:
    assert coverage_probability(draws, classes) == pytest.approx(expected, rel=2e-4 if expected < 1e-6 else 1e-7)


def test_coverage_at_100_classes_and_128_labels_does_not_cancel() -> None:
    found, exact = coverage_probability(128, 100), float(Fraction(surjections(128, 100), 100**128))
    assert found == pytest.approx(exact, rel=1e-9)
    assert not 1e-20 < found < 1e-3
    assert distinct_law(128, 100)[-1] == pytest.approx(exact, rel=1e-9)
    assert abs(inclusion_exclusion(np.array([100]), 100)[0]) > 1e-20


@pytest.mark.parametrize("n", [0, 7, 8, 9, 10, 20, 74, 200, 400])
def test_coverage_of_any_prior_is_exact_subset_enumeration(n: int) -> None:
    probs = np.array(WEIGHTS) / sum(WEIGHTS)
    assert coverage_probability(n, probs=probs) == pytest.approx(float(covered(n, WEIGHTS)), rel=1e-10, abs=0)
    assert missing_probability(10 * n, probs=probs) == pytest.approx(float(1 - covered(10 * n, WEIGHTS)), rel=1e-9)


def test_coverage_of_four_unequal_classes() -> None:
    exact = {4: 0.045, 8: 0.338771, 16: 0.741714, 32: 0.960151}  # inclusion-exclusion over subsets, to six digits
    for n, value in exact.items():
        assert coverage_probability(n, probs=SKEWED) == pytest.approx(value, abs=1e-6)


def test_coverage_of_any_prior_is_binomial_splitting() -> None:
    p = np.random.default_rng(0).dirichlet(np.full(12, 2.0))
    for n in (13, 40, 90):
        assert coverage_probability(n, probs=p) == pytest.approx(split(n, p), rel=1e-9)


def test_equal_probabilities_are_the_uniform_prior() -> None:
    p = np.full(7, 1 / 7)
    for function in (expected_draws, variance_of_draws):
        assert function(probs=p) == pytest.approx(function(7), rel=1e-12)
    assert coverage_probability(20, probs=p) == pytest.approx(coverage_probability(20, 7), rel=1e-12)
    assert smallest_draws(0.9, probs=p) == smallest_draws(0.9, 7)


def test_distinct_law_is_the_enumerated_one() -> None:
    counted = Counter(len(set(labels)) for labels in itertools.product(range(4), repeat=6))
    assert distinct_law(6, 4) == pytest.approx([counted[i] / 4**6 for i in range(5)], rel=1e-13, abs=0)
    assert distinct_law(0, 3).tolist() == [1, 0, 0, 0]


def test_distinct_law_is_exact_for_many_labels() -> None:
    n, classes = 300, 20  # more than one stretch between two trims of small probabilities
    law = distinct_law(n, classes)
    exact = [float(Fraction(math.comb(classes, i) * surjections(n, i), classes**n)) for i in range(1, classes + 1)]
    kept = [value if value > 1e-290 else 0.0 for value in exact]
    assert law[1:] == pytest.approx(kept, rel=1e-10, abs=1e-290)
    assert law.sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(("classes", "each"), [(1, 5), (2, 3), (10, 3), (100, 100), (10, 1000)])
def test_coverage_without_replacement_is_exact_for_equal_counts(classes: int, each: int) -> None:
    total = classes * each
    for n in {0, classes - 1, classes, classes + 1, 2 * classes, 5 * classes, total - each, total - each + 1, total}:
        if n > total:
            continue
        ways = sum((-1) ** j * math.comb(classes, j) * math.comb(total - j * each, n) for j in range(classes + 1))
        exact = float(Fraction(ways, math.comb(total, n)))
        assert coverage_without_replacement(n, [each] * classes) == pytest.approx(exact, rel=1e-9, abs=0)


def test_coverage_without_replacement_of_unequal_counts_is_the_polynomials() -> None:
    counts = (1, 2, 5, 9, 30)
    ways = [1]  # coefficients of prod_c ((1 + z)^n_c - 1): exact integers
    for count in counts:
        after = [0] * (len(ways) + count)
        for i, k in itertools.product(range(len(ways)), range(1, count + 1)):
            after[i + k] += ways[i] * math.comb(count, k)
        ways = after
    for n, way in enumerate(ways):
        exact = float(Fraction(way, math.comb(sum(counts), n)))
        assert coverage_without_replacement(n, counts) == pytest.approx(exact, rel=1e-10, abs=0)


def test_smallest_draws_of_equal_classes() -> None:
    exact = {4: (7, 13, 16, 21), 10: (27, 44, 51, 66), 100: (497, 683, 754, 916), 1000: (7274, 9155, 9874, 11503)}
    for classes, draws in exact.items():
        assert tuple(smallest_draws(c, classes) for c in (0.5, 0.9, 0.95, 0.99)) == draws
    assert smallest_draws(1e-6, 4) == 4
    assert smallest_draws(0.5, 1) == 1
    assert smallest_draws(0.75, 2) == 3  # exactly: two of eight triples lack a label
    for left in (2.0**-30, 2.0**-50):  # near 1 the union bound is exact to its own square: 1 - coverage = 10 * 0.9^n
        assert smallest_draws(1 - left, 10) == math.ceil(math.log(left / 10) / math.log(0.9))


def test_smallest_draws_of_any_prior_is_the_first_that_covers() -> None:
    probs = np.array(WEIGHTS) / sum(WEIGHTS)
    for coverage in (0.1, 0.5, 0.99):
        n = smallest_draws(coverage, probs=probs)
        assert covered(n - 1, WEIGHTS) < coverage <= covered(n, WEIGHTS)


@pytest.mark.parametrize("classes", [1, 2, 10, 100, 3029])
def test_mean_and_variance_of_equal_classes_are_those_of_a_sum_of_waits(classes: int) -> None:
    chances = [i / classes for i in range(1, classes + 1)]  # of a new class: each wait is geometric
    mean = math.fsum(1 / p for p in chances)
    variance = math.fsum((classes - i) * classes / i**2 for i in range(1, classes + 1))
    assert expected_draws(classes) == pytest.approx(mean, rel=1e-12)
    assert variance_of_draws(classes) == pytest.approx(variance, rel=1e-12)


@pytest.mark.parametrize("weights", [(1, 1, 2), (10, 5, 3, 2), WEIGHTS, (1, 999)])
def test_mean_and_variance_of_any_prior_are_exact(weights: tuple[int, ...]) -> None:
    probs = np.array(weights) / sum(weights)
    signed = [(-sign, p) for sign, p in subsets(weights) if p]  # P(T > n) = sum of sign (1 - p)^n
    mean = sum(sign / p for sign, p in signed)
    second = sum(sign * (2 * (1 - p) / p**2 + 1 / p) for sign, p in signed)  # sum of (2 n + 1) P(T > n)
    assert expected_draws(probs=probs) == pytest.approx(float(mean), rel=1e-11)
    assert variance_of_draws(probs=probs) == pytest.approx(float(second - mean**2), rel=1e-9)


def test_mean_of_four_unequal_classes() -> None:
    assert expected_draws(probs=SKEWED) == pytest.approx(13.391977303742, abs=1e-11)  # Flajolet's integral, by scipy


def test_the_authors_numbers_for_equal_classes() -> None:
    printed = {2: 3, 4: 9, 10: 30, 100: 519, 3029: 26030}
    assert {classes: math.ceil(expected_draws(classes)) for classes in printed} == printed


def test_counts_like_imagenets_raise_the_mean_towards_the_authors_7709() -> None:
    counts = np.array([1300.0] * 895 + [117667 / 105] * 105)  # 1,281,167 images; a surrogate, not the true counts
    assert expected_draws(probs=counts / counts.sum()) == pytest.approx(7558.0, abs=0.05)


def test_simulation_agrees() -> None:
    source, trials, n = np.random.default_rng(0), 40_000, 16
    labels = source.choice(4, size=(trials, n), p=SKEWED)
    seen = np.stack([(labels == c).any(axis=1) for c in range(4)]).all(axis=0)
    hits = (labels[:, 1:] == labels[:, :1]).sum(axis=1)
    pairs = [
        (seen, coverage_probability(n, probs=SKEWED)),
        (hits > 0, collision_probability(n - 1, probs=SKEWED)),
        (np.log1p(hits), expected_log_collisions(n - 1, probs=SKEWED)),
    ]
    for sample, expected in pairs:
        assert abs(sample.mean() - expected) < 4 * sample.std() / math.sqrt(trials)
