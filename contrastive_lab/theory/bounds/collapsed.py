"""The terms of the bounds in closed form, for features that show the class and nothing else."""

import math

import numpy as np
from numpy.typing import NDArray

from contrastive_lab.theory.bounds.small_k import etf_cosine
from contrastive_lab.theory.bounds.terms import Terms
from contrastive_lab.theory.coupon.collision import (
    clean_coverage_probability,
    expected_log_collisions,
    no_collision_probability,
)
from contrastive_lab.theory.coupon.draws import coverage_probability, distinct_law


def collapsed_terms(draws: int, classes: int, tau: float = 0.5, cosine: float | None = None) -> Terms:
    """All terms where every view of an image of class c has the one unit feature v_c, and v_c.v_j is a constant.

    Labels are independent and uniform. With e = exp((cosine - 1) / tau): L_info = E ln(1 + m + (K - m) e) with
    m ~ Bin(K, 1/C), l_S = ln(1 + (|S| - 1) e), d = 0.

    Args:
        draws: K + 1, at least 2.
        classes: C, at least 2.
        tau: temperature, > 0.
        cosine: of the features of two classes, in [-1 / (C - 1), 1]; None means -1 / (C - 1), a regular simplex, the
            minimum of the supervised loss.

    Returns:
        The terms, exact but for rounding.

    Raises:
        ValueError: if an argument is out of range.

    Derived. The form of L_info is that of `nceloss_min` in the public code of Bao et al. 2022.
    """
    least = etf_cosine(classes)
    cosine = least if cosine is None else cosine
    if draws < 2 or not tau > 0 or not least <= cosine <= 1:
        settings = f"draws={draws}, tau={tau}, cosine={cosine}"
        raise ValueError(f"needs draws >= 2, tau > 0 and cosine in [{least:.4g}, 1], not {settings}")
    K, e = draws - 1, math.exp((cosine - 1) / tau)
    clean = no_collision_probability(K, classes)
    same, labels = np.arange(K + 1), np.arange(classes + 1)
    losses = np.log1p(np.maximum(labels - 1, 0) * e)  # l_S by |S|
    every, without = distinct_law(draws, classes), np.append(0.0, distinct_law(K, classes - 1))  # law of |S|
    return Terms(
        L_info=float(binomial_law(K, 1 / classes) @ np.log1p(same + (K - same) * e)),
        L_sup=float(losses[-1]),
        sup=float(every[-1] * losses[-1]),
        sub=float(every[:-1] @ losses[:-1]),
        clean_sup=clean * float(without[-1] * losses[-1]),
        clean_sub=clean * float(without[:-1] @ losses[:-1]),
        collision=expected_log_collisions(K, classes),
        d=0.0,
        upsilon=coverage_probability(draws, classes),
        clean=clean,
        rho=clean_coverage_probability(K, classes),
    )


def binomial_law(n: int, p: float) -> NDArray[np.float64]:
    """P(Bin(n, p) = m) for m = 0..n, (n + 1,); 0 < p < 1, in logarithms, so that no n is too large."""
    m = np.arange(n + 1)
    log_factorial = np.append(0.0, np.log(np.arange(1, n + 1)).cumsum())
    log_choose = log_factorial[n] - log_factorial - log_factorial[::-1]
    return np.asarray(np.exp(log_choose + m * math.log(p) + (n - m) * math.log1p(-p)))
