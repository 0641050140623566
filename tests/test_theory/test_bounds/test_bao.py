"""Bao et al.'s bounds: every expectation by enumeration, the constants by maximisation, the numbers of a table."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest

from contrastive_lab.theory.bounds.bao import (
    bao_lower,
    bao_upper,
    lower_gap,
    sharp_lower_gap,
    sharp_upper_gap,
    upper_gap,
)
from contrastive_lab.theory.bounds.collapsed import collapsed_terms
from tests.test_theory.test_bounds.feature_sets import exact_terms, random_set

# Class-collapsed simplex features, computed independently: (C, tau, K) -> L_info, L_sup, upper, lower. The first upper
# bound is 5.11451: the issue has 5.115, rounded twice.
TABLE = {
    (10, 0.5, 1): ("0.1619", "0.6807", "5.1145", "-1.572"),
    (10, 0.5, 15): ("1.3439", "0.6807", "3.588", "-1.841"),
    (10, 0.5, 63): ("2.5861", "0.6807", "3.396", "-1.936"),
    (100, 0.5, 16): ("1.1771", "2.6483", "5.660", "0.238"),
    (100, 0.5, 1023): ("4.9804", "2.6483", "5.305", "0.003"),
    (10, 0.2, 4): ("0.2725", "0.0342", "9.803", "-7.87"),
}


@pytest.mark.parametrize("row", TABLE)
def test_table_of_collapsed_features(row: tuple[int, float, int]) -> None:
    C, tau, K = row
    terms = collapsed_terms(K + 1, C, tau)
    found = (terms.L_info, terms.L_sup, bao_upper(terms, K, tau, C), bao_lower(terms, K, tau, C))
    for value, text in zip(found, TABLE[row], strict=True):
        assert value == pytest.approx(float(text), abs=0.51 * 10.0 ** -len(text.split(".")[1]))


@pytest.mark.parametrize("start", range(0, 1000, 250))
def test_no_bound_is_violated_by_1000_random_feature_sets(start: int) -> None:
    for seed in range(start, start + 250):
        data = random_set(seed)
        asked = (data.K, data.tau, None, data.probs)
        terms, _ = exact_terms(data)
        low, sharp_low = lower_gap(*asked), sharp_lower_gap(*asked)
        high, sharp_high = upper_gap(*asked), sharp_upper_gap(*asked)
        assert low <= sharp_low + 1e-9
        assert sharp_low <= terms.L_sup - terms.L_info + 1e-9
        assert terms.L_sup - terms.L_info <= sharp_high + 1e-9
        assert sharp_high <= high + 1e-9
        assert bao_lower(terms, *asked) <= terms.L_sup + 1e-9
        assert terms.L_sup <= bao_upper(terms, *asked) + 1e-9


@pytest.mark.parametrize("start", range(0, 400, 200))
def test_no_bound_is_violated_where_the_key_is_a_view_of_the_image(start: int) -> None:
    for seed in range(start, start + 200):
        data = random_set(seed, views=2)
        asked = (data.K, data.tau, None, data.probs)
        terms, shift = exact_terms(data, positives="image")
        assert -1e-9 <= shift <= -terms.d + 1e-9
        gap = terms.L_sup - terms.L_info
        assert sharp_lower_gap(*asked) + shift - 1e-9 <= gap <= sharp_upper_gap(*asked) + shift + 1e-9
        assert bao_lower(terms, *asked) <= terms.L_sup + 1e-9
        assert terms.L_sup <= bao_upper(terms, *asked) + 1e-9


@pytest.mark.parametrize(("tau", "gap"), [(1.0, upper_gap), (0.5, sharp_upper_gap)])
def test_for_views_of_one_image_d_is_needed(tau: float, gap: Callable[..., float]) -> None:
    # Two classes of 50 images, all orthogonal, the views of an image alike: z.mu_c is 1 / 50.
    K, images = 4096, 50
    L_info = 0.0
    for m in range(K + 1):  # negatives that are the query's own image
        log_choose = math.lgamma(K + 1) - math.lgamma(m + 1) - math.lgamma(K - m + 1)
        chance = math.exp(log_choose + m * math.log(0.01) + (K - m) * math.log(0.99))
        L_info += chance * math.log(1 + m + (K - m) * math.exp(-1 / tau))
    L_sup, d = math.log(1 + math.exp(-1 / images / tau)), (1 / images - 1) / tau
    assert L_info + gap(K, tau, 2) < L_sup < L_info + gap(K, tau, 2) - d


@pytest.mark.parametrize("seed", range(8))
def test_enumeration_is_the_mean_over_all_sequences(seed: int) -> None:
    data = random_set(seed)._replace(K=2)
    w, z, y = data.weights, data.features, data.labels
    items, s = range(len(w)), lambda i, j: float(z[i] @ z[j]) / data.tau
    L_info = L_sup = collision = 0.0
    for i in items:
        keys = [j for j in items if y[j] == y[i]]
        for j, a, b in itertools.product(keys, items, items):
            share = w[i] * w[a] * w[b] / len(keys)
            L_info -= share * math.log(math.exp(s(i, j)) / sum(math.exp(s(i, m)) for m in (j, a, b)))
            collision += share * math.log(1 + (y[a] == y[i]) + (y[b] == y[i]))
        scores = [np.mean([s(i, j) for j in items if y[j] == c]) for c in range(len(data.probs))]
        L_sup += w[i] * (math.log(sum(map(math.exp, scores))) - scores[y[i]])
    terms, shift = exact_terms(data)
    assert (terms.L_info, terms.L_sup, terms.collision) == pytest.approx((L_info, L_sup, collision), rel=1e-12)
    assert (terms.d, shift) == pytest.approx((0, 0), abs=1e-12)


@pytest.mark.parametrize("tau", [0.2, 0.5, 2.0])
@pytest.mark.parametrize("probs", [(0.5, 0.5), (0.7, 0.2, 0.1), (0.1, 0.2, 0.3, 0.4)])
def test_sharp_upper_constant_is_the_greatest_over_all_logits(probs: tuple[float, ...], tau: float) -> None:
    vertices = itertools.product((-1 / tau, 1 / tau), repeat=len(probs))
    greatest = max(math.log(sum(map(math.exp, t))) - np.dot(probs, t) for t in vertices)
    assert sharp_upper_gap(3, tau, probs=probs) == pytest.approx(greatest - math.log(3), rel=1e-12)
    inside = np.random.default_rng(0).uniform(-1 / tau, 1 / tau, (10_000, len(probs)))
    assert (np.log(np.exp(inside).sum(1)) - inside @ probs).max() <= greatest


@pytest.mark.parametrize("tau", [0.2, 0.5, 2.0])
@pytest.mark.parametrize("K", [1, 2, 5])
def test_sharp_lower_constant_is_the_greatest_over_all_logits(K: int, tau: float) -> None:
    vertices = itertools.product((-1 / tau, 1 / tau), repeat=K + 1)
    greatest = max(math.log(sum(map(math.exp, t))) - sum(t[1:]) / K for t in vertices)
    entropy = -sum(p * math.log(p) for p in (0.7, 0.2, 0.1))
    assert sharp_lower_gap(K, tau, probs=(0.7, 0.2, 0.1)) == pytest.approx(entropy - greatest, rel=1e-12)


def test_width_of_uniform_classes_depends_on_K_by_one_term() -> None:
    for K, share in ((1, 1.386), (4, 0.446), (16, 0.121), (64, 0.031), (255, 0.008)):
        width = upper_gap(K, 0.5, 10) - lower_gap(K, 0.5, 10)
        assert width - 4 * math.log(math.cosh(2)) == pytest.approx(2 * math.log(1 + 1 / K), abs=1e-12)
        assert 2 * math.log(1 + 1 / K) == pytest.approx(share, abs=5e-4)
    assert 4 * math.log(math.cosh(2)) == pytest.approx(5.3, abs=0.05)
    assert 4 * math.log(math.cosh(5)) == pytest.approx(17.2, abs=0.05)


def test_a_small_tau_does_not_overflow() -> None:
    assert upper_gap(16, 1e-3, 10) == pytest.approx(math.log(10 / 16) + 2000 - 2 * math.log(2))
    assert lower_gap(16, 1e-3, 10) < sharp_lower_gap(16, 1e-3, 10) < 0 < sharp_upper_gap(16, 1e-3, 10)


@pytest.mark.parametrize(("K", "tau", "message"), [(0, 0.5, "K=0"), (1, 0.0, "tau=0.0"), (1, math.nan, "tau=nan")])
def test_bad_values_are_named(K: int, tau: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        upper_gap(K, tau, 10)
