"""Collisions: negatives that have the anchor's label. Col is their number among K negatives, K >= 0.

Every function but the last takes either `classes`, for C classes of equal probability, or `probs`, (C,) class
probabilities; anchor and negatives have independent labels. A ValueError names an argument that is out of range.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlog1py

from contrastive_lab.theory.coupon.coverage import Floats
from contrastive_lab.theory.coupon.prior import at_least, class_counts, prior


def collision_probability(K: int, classes: int | None = None, probs: ArrayLike | None = None) -> float:
    """tau_K of Arora et al. 2019, P(Col > 0) = sum_c p_c (1 - (1 - p_c)^K), without cancellation for small p_c.

    >>> collision_probability(2, classes=2)
    0.75
    """
    p = _checked(K, classes, probs)
    return min(1.0, float(-p @ np.expm1(xlog1py(K, -p))))  # probabilities may sum to 1 + 1e-15


def no_collision_probability(K: int, classes: int | None = None, probs: ArrayLike | None = None) -> float:
    """1 - tau_K = P(Col = 0), sum_c p_c (1 - p_c)^K; right also where `collision_probability` rounds to 1."""
    p = _checked(K, classes, probs)
    return min(1.0, float(p @ np.exp(xlog1py(K, -p))))


def expected_log_collisions(K: int, classes: int | None = None, probs: ArrayLike | None = None) -> float:
    """E ln(Col + 1) in nats, Col binomial given the anchor's label.

    Source: the collision term of Nozawa & Sato 2021, read on the authors' slides; the sum is textbook.
    """
    from scipy.stats import binom  # here: it takes half a second, and a report that draws coverage needs none of it

    p, repeats = np.unique(_checked(K, classes, probs), return_counts=True)
    return float(repeats * p @ [_mean_log(binom(K, q), K, q) for q in p])


def expected_log_collisions_without_replacement(K: int, counts: ArrayLike) -> float:
    """E ln(Col + 1) in nats where anchor and negatives are K + 1 different images of a finite set: hypergeometric.

    `counts` (C,) are the images of each class, at least 1 each and more than K in all. To two digits the values are the
    row "Collision" of the authors' tables. Source: derived here.
    """
    from scipy.stats import hypergeom

    sizes, repeats = np.unique(class_counts(counts), return_counts=True)
    total = int(sizes @ repeats)
    at_least("K", K, 0)
    if total <= K:
        raise ValueError(f"K={K}: must be at most {total - 1}, one less than the number of images")
    others = max(total - 1, 1)
    means = [_mean_log(hypergeom(others, size - 1, K), K, (size - 1) / others) for size in sizes]
    return float(repeats * sizes / total @ means)


def _checked(K: int, classes: int | None, probs: ArrayLike | None) -> Floats:
    at_least("K", K, 0)
    return prior(classes, probs)


def _mean_log(law: Any, K: int, p: float) -> float:
    """E ln(Col + 1), K trials of chance p each, over 12 standard deviations (and 60): the rest is below 1e-30."""
    reach = 12 * (K * p * (1 - p)) ** 0.5 + 60
    m = np.arange(max(0, int(K * p - reach)), min(K, int(K * p + reach)) + 1)
    return float(law.pmf(m) @ np.log1p(m))
