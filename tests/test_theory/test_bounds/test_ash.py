"""Ash et al.'s bound: every expectation by enumeration, the collector's time by subsets, the numbers of a table."""

import itertools
import math

import pytest

from contrastive_lab.theory.bounds.ash import ash_coefficient, ash_upper
from contrastive_lab.theory.bounds.collapsed import collapsed_terms
from contrastive_lab.theory.bounds.terms import coupon_exact
from tests.test_theory.test_bounds.feature_sets import exact_terms, random_set

# Class-collapsed simplex features, computed independently: (C, tau, K) -> this bound, coupon bound without its L_sub.
TABLE = {
    (10, 0.5, 1): (10.48, math.inf),
    (10, 0.5, 15): (17.89, 26.83),
    (10, 0.5, 63): (1003, 3.282),
    (100, 0.5, 16): (161, math.inf),
    (100, 0.5, 1023): (1.5e5, 7.611),
    (10, 0.2, 4): (0.461, math.inf),
}


@pytest.mark.parametrize("row", TABLE)
def test_table_of_collapsed_features(row: tuple[int, float, int]) -> None:
    C, tau, K = row
    terms = collapsed_terms(K + 1, C, tau)
    found = (ash_upper(terms, K, C), coupon_exact(terms._replace(sub=0)))
    for value, expected in zip(found, TABLE[row], strict=True):
        assert value == pytest.approx(expected, rel=0.016 if expected == 1.5e5 else 1e-3)
    assert found[0] >= terms.L_sup


@pytest.mark.parametrize("start", range(0, 400, 200))
def test_no_bound_is_violated_by_random_feature_sets(start: int) -> None:
    for seed in range(start, start + 200):
        data = random_set(seed)
        terms, _ = exact_terms(data)
        assert terms.L_sup <= ash_upper(terms, data.K, probs=data.probs) + 1e-9


def test_no_bound_is_violated_where_the_key_is_a_view_of_the_image() -> None:
    for seed in range(200):
        data = random_set(seed, views=2)
        terms, _ = exact_terms(data, positives="image")
        assert terms.L_sup <= ash_upper(terms, data.K, probs=data.probs) + 1e-9


@pytest.mark.parametrize("C", [2, 3, 10])
@pytest.mark.parametrize("K", [1, 7, 200])
def test_coefficient_of_uniform_classes(C: int, K: int) -> None:
    time = (C - 1) * sum(1 / i for i in range(1, C))
    expected = 2 * max(1, 2 * time / K) * (C / (C - 1)) ** K
    assert ash_coefficient(K, C) == pytest.approx(expected, rel=1e-12)
    assert ash_coefficient(K, probs=[1 / C] * C) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("K", [1, 20])
def test_coefficient_of_unequal_classes(K: int) -> None:
    probs = [0.5, 0.3, 0.15, 0.05]
    coefficients = []
    for anchor, own in enumerate(probs):
        rest = [p / (1 - own) for p in probs[:anchor] + probs[anchor + 1 :]]
        subsets = [s for size in (1, 2, 3) for s in itertools.combinations(rest, size)]
        time = sum((-1) ** (len(s) + 1) / sum(s) for s in subsets)  # expected draws that collect all others
        coefficients.append(2 * max(1, 2 * time / K) / (1 - own) ** K)
    assert ash_coefficient(K, probs=probs) == pytest.approx(max(coefficients), rel=1e-9)


def test_a_probability_below_the_smallest_number_gives_infinity() -> None:
    assert ash_upper(collapsed_terms(10_001, 10), 10_000, 10) == math.inf  # 0.9 ** 10,000


def test_bad_values_are_named() -> None:
    with pytest.raises(ValueError, match="K=0"):
        ash_coefficient(0, 10)
    with pytest.raises(ValueError, match="classes=1"):
        ash_coefficient(1, 1)
