"""Collisions: exact sums and enumeration."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from contrastive_lab.theory.coupon.collision import (
    clean_coverage_probability,
    collision_probability,
    expected_log_collisions,
    expected_log_collisions_without_replacement,
    no_collision_probability,
)
from tests.counting import WEIGHTS


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


@pytest.mark.parametrize(("classes", "K"), [(1000, 65536), (10, 65536), (100, 1023)])
def test_expected_log_collisions_of_many_negatives_is_the_sum_over_the_whole_law(classes: int, K: int) -> None:
    m = torch.arange(K + 1, dtype=torch.float64)
    log_law = math.lgamma(K + 1) - torch.lgamma(m + 1) - torch.lgamma(K - m + 1)
    log_law += m * math.log(1 / classes) + (K - m) * math.log1p(-1 / classes)
    assert expected_log_collisions(K, classes) == pytest.approx((log_law.exp() @ m.log1p()).item(), rel=1e-8)


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


@pytest.mark.parametrize("classes", [1, 2, 3])
@pytest.mark.parametrize("K", [0, 1, 2, 5])
def test_clean_coverage_is_the_enumerated_one(K: int, classes: int) -> None:
    batches = list(itertools.product(range(classes), repeat=K + 1))
    clean = sum(len(set(b)) == classes and b[0] not in b[1:] for b in batches)
    assert clean_coverage_probability(K, classes) == pytest.approx(clean / len(batches), rel=1e-12, abs=0)


def test_clean_coverage_is_largest_near_the_mean_number_of_draws() -> None:
    values = {n: clean_coverage_probability(n - 1, 100) for n in (384, 512, 640)}
    assert values == pytest.approx({384: 2.512e-3, 512: 3.352e-3, 640: 1.397e-3}, rel=4e-4)  # to four digits
