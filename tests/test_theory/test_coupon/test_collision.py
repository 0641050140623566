"""Collisions: exact sums and enumeration."""

import math
from fractions import Fraction

import numpy as np
import pytest

from contrastive_lab.theory.coupon.collision import (
    collision_probability,
    expected_log_collisions,
    expected_log_collisions_without_replacement,
    no_collision_probability,
)
from tests.exact_coverage import WEIGHTS


@pytest.mark.parametrize(("classes", "K"), [(2, 1), (10, 31), (10, 511), (100, 1023), (4, 0)])
def test_collision_probability_is_exact_at_both_ends(classes: int, K: int) -> None:
    none = Fraction(classes - 1, classes) ** K
    assert no_collision_probability(K, classes) == pytest.approx(float(none), rel=1e-11)
    assert collision_probability(K, classes) == pytest.approx(float(1 - none), rel=1e-12)


def test_probabilities_of_collisions_never_exceed_1() -> None:
    for K in (0, 1000, 65536):
        assert 0 <= collision_probability(K, 1000) <= 1
        assert 0 <= no_collision_probability(K, 1000) <= 1


def test_collision_probability_of_any_prior_keeps_small_numbers() -> None:
    p = [Fraction(1, 10**6)] * 2 + [1 - Fraction(2, 10**6)]
    none = sum(q * (1 - q) ** 3 for q in p)
    assert no_collision_probability(3, probs=[float(q) for q in p]) == pytest.approx(float(none), rel=1e-9)
    assert collision_probability(2, 10**5) == pytest.approx(2e-5 - 1e-10, rel=1e-11)  # 1 - (1 - 1e-5)^2
    assert collision_probability(5, 1) == 1
    assert no_collision_probability(5, 1) == 0


@pytest.mark.parametrize("K", [0, 1, 5, 63])
def test_expected_log_collisions_is_the_exact_binomial_sum(K: int) -> None:
    for weights in ((1,) * 10, (1,), WEIGHTS):
        total, expected = sum(weights), 0.0
        for w in weights:
            law = [math.comb(K, m) * w**m * (total - w) ** (K - m) for m in range(K + 1)]
            expected += w / total * sum(float(Fraction(x, total**K)) * math.log1p(m) for m, x in enumerate(law))
        probs = np.array(weights) / total
        assert expected_log_collisions(K, probs=probs) == pytest.approx(expected, rel=1e-11, abs=0)


@pytest.mark.parametrize(("classes", "K"), [(1000, 65536), (10, 65536), (100, 1023), (100_000, 1_000_000)])
def test_expected_log_collisions_of_many_negatives_is_the_sum_over_the_whole_law(classes: int, K: int) -> None:
    """P(m + 1) / P(m) = (K - m) / ((m + 1) (C - 1)): the law relative to that at its mean, by products of fractions."""
    top = K // classes
    ratio = [(K - m) / ((m + 1) * (classes - 1)) for m in range(top + 3000)]
    law = {top: 1.0}
    for m in range(top, min(K, top + 2500)):
        law[m + 1] = law[m] * ratio[m]
    for m in range(top, max(0, top - 2500), -1):
        law[m - 1] = law[m] / ratio[m - 1]
    expected = math.fsum(p * math.log1p(m) for m, p in law.items()) / math.fsum(law.values())
    assert expected_log_collisions(K, classes) == pytest.approx(expected, rel=1e-12)


def test_expected_log_collisions_without_replacement_is_the_exact_hypergeometric_sum() -> None:
    for counts, K in (((100,) * 100, 511), ((1000,) * 10, 31), ((1, 2, 5, 9, 30), 20), ((3, 4), 6), ((1,), 0)):
        total, expected = sum(counts), 0.0
        for count in set(counts):
            own, others = count - 1, total - count
            ways = [math.comb(own, m) * math.comb(others, K - m) for m in range(K + 1)]
            law = [float(Fraction(way, math.comb(total - 1, K))) for way in ways]
            expected += counts.count(count) * count / total * sum(x * math.log1p(m) for m, x in enumerate(law))
        found = expected_log_collisions_without_replacement(K, counts)
        assert found == pytest.approx(expected, rel=1e-10, abs=0)
