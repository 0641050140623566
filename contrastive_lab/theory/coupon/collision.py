"""Collisions: negatives that have the anchor's label. Col is their number among K negatives.

Every function takes either `classes`, for C classes of equal probability, or `probs`, (C,) class probabilities, as in
`contrastive_lab.theory.coupon.draws`; anchor and negatives have independent labels unless the name says otherwise.
"""

import numpy as np
from numpy.typing import ArrayLike

from contrastive_lab.theory.coupon.coverage import Floats
from contrastive_lab.theory.coupon.draws import coverage_probability
from contrastive_lab.theory.coupon.prior import at_least, class_counts, prior


def collision_probability(K: int, classes: int | None = None, probs: ArrayLike | None = None) -> float:
    """tau_K = P(Col > 0): at least one of K negatives has the anchor's label.

    Args:
        K: number of negatives, at least 0.
        classes: C, for classes of equal probability.
        probs: (C,) class probabilities, instead of `classes`.

    Returns:
        Between 0 and 1, sum_c p_c (1 - (1 - p_c)^K), without cancellation for small p_c.

    Raises:
        ValueError: if K < 0, or on both, neither or bad values of `classes` and `probs`.

    Source: tau_K of Arora et al. 2019, remembered; the sum is textbook.
    """
    p = _checked(K, classes, probs)
    return min(1.0, float(-p @ np.expm1(_log_none(K, p))))  # probabilities may sum to 1 + 1e-15


def no_collision_probability(K: int, classes: int | None = None, probs: ArrayLike | None = None) -> float:
    """1 - tau_K = P(Col = 0), sum_c p_c (1 - p_c)^K; right also where tau_K rounds to 1.

    Args:
        K: number of negatives, at least 0.
        classes: C, for classes of equal probability.
        probs: (C,) class probabilities, instead of `classes`.

    Returns:
        Between 0 and 1.

    Raises:
        ValueError: as `collision_probability`.

    Source: as `collision_probability`.
    """
    p = _checked(K, classes, probs)
    return min(1.0, float(p @ np.exp(_log_none(K, p))))


def expected_log_collisions(K: int, classes: int | None = None, probs: ArrayLike | None = None) -> float:
    """E ln(Col + 1), Col binomial given the anchor's label.

    Args:
        K: number of negatives, at least 0.
        classes: C, for classes of equal probability.
        probs: (C,) class probabilities, instead of `classes`.

    Returns:
        Nats, between 0 and ln(K + 1).

    Raises:
        ValueError: as `collision_probability`.

    Source: the collision term of Nozawa & Sato 2021, read on the authors' slides; the sum is textbook.
    """
    p, repeats = np.unique(_checked(K, classes, probs), return_counts=True)
    return float(sum(n * q * _binomial_mean(K, q) for q, n in zip(p, repeats, strict=True)))


def expected_log_collisions_without_replacement(K: int, counts: ArrayLike) -> float:
    """E ln(Col + 1) where anchor and negatives are K + 1 different images of a finite set: Col is hypergeometric.

    Args:
        K: number of negatives, from 0 to the number of images less one.
        counts: (C,) images of each class, at least 1 each.

    Returns:
        Nats, between 0 and ln(K + 1). To two digits it is the row "Collision" of the authors' tables.

    Raises:
        ValueError: on a class without images, or K outside its range.

    Source: derived here.
    """
    sizes, repeats = np.unique(class_counts(counts), return_counts=True)
    total = int(sizes @ repeats)
    at_least("K", K, 0)
    if total <= K:
        raise ValueError(f"K={K}: must be at most {total - 1}, one less than the number of images")
    means = [_hypergeometric_mean(K, int(size) - 1, total - 1) for size in sizes]
    return float((repeats * sizes / total) @ means)


def clean_coverage_probability(K: int, classes: int) -> float:
    """rho_K: no negative has the anchor's label, and the K + 1 labels have all C classes.

    Args:
        K: number of negatives, at least 0.
        classes: C, at least 1, of equal probability.

    Returns:
        (1 - 1/C)^K times the probability that K labels have the C - 1 other classes. Largest near K + 1 = C H_C.

    Raises:
        ValueError: if K < 0 or C < 1.

    Source: derived here, from the definitions of Nozawa & Sato 2021.
    """
    if classes == 1 or K == 0:
        return float(no_collision_probability(K, classes) * (classes == 1))
    return no_collision_probability(K, classes) * coverage_probability(K, classes - 1)


def _checked(K: int, classes: int | None, probs: ArrayLike | None) -> Floats:
    at_least("K", K, 0)
    return prior(classes, probs)


def _log_none(K: int, p: Floats) -> Floats:
    """(C,) log of (1 - p_c)^K; minus infinity for the only class, and 0 where there is no negative."""
    with np.errstate(divide="ignore"):
        return K * np.log1p(-p) if K else np.zeros_like(p)


def _binomial_mean(K: int, p: float) -> float:
    """E ln(Col + 1) for Col ~ Bin(K, p)."""
    if p == 1:
        return float(np.log1p(K))
    m = _window(K * p, K * p * (1 - p), 0, K)
    return _mean_log(m, (K - m) * p / ((m + 1) * (1 - p)))


def _hypergeometric_mean(K: int, own: int, total: int) -> float:
    """E ln(Col + 1) for K of `total` images of which `own` have the anchor's label."""
    low, high = max(0, K - (total - own)), min(K, own)
    share = own / max(total, 1)
    m = _window(K * share, K * share * (1 - share), low, high)
    return _mean_log(m, (K - m) * (own - m) / ((m + 1) * (total - own - K + m + 1)))


def _window(mean: float, variance: float, low: int, high: int) -> Floats:
    """The values within 12 standard deviations (and 60) of the mean: what is left out is below 1e-30."""
    reach = 12 * variance**0.5 + 60
    return np.arange(max(low, int(mean - reach)), min(high, int(mean + reach)) + 1, dtype=np.float64)


def _mean_log(m: Floats, ratios: Floats) -> float:
    """E ln(m + 1) of the law on the values `m` with P(m + 1) = P(m) * ratio."""
    logs = np.concatenate([[0.0], np.cumsum(np.log(ratios[:-1]))])
    law = np.exp(logs - logs.max())
    return float(law @ np.log1p(m) / law.sum())
