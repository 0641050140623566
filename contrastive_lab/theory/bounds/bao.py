"""Bounds on the supervised loss from both sides, for every K >= 1: L_info + D_L <= L_sup <= L_info + D_U.

Letters as in `terms`; pi is the prior of the classes and b = 1 / tau, the greatest cosine over tau of unit features.
All functions take K >= 1 negatives, a temperature tau > 0, and either `classes`, for C classes of equal probability, or
`probs`, (C,) class probabilities. They return nats; a ValueError names an argument that is out of range.

The contrastive loss is -ln of a softmax over the key and K negatives (a sum over them, no mean), the classifier has the
means mu_c as they are, inside the sphere. Derivation, setting and sharp constants: docs/bounds.md.
Source: Bao, Nagano & Nozawa 2022 (ICML), main theorem; the constants were read in the authors' public code and derived.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr

from contrastive_lab.theory.bounds.terms import Terms
from contrastive_lab.theory.coupon.coverage import Floats
from contrastive_lab.theory.coupon.prior import above_0, at_least, prior


def bao_upper(terms: Terms, K: int, tau: float, classes: int | None = None, probs: ArrayLike | None = None) -> float:
    """Upper bound on the supervised loss: L_info + D_U - d(f); d(f) = 0 if positives share a label."""
    return terms.L_info + upper_gap(K, tau, classes, probs) - terms.d


def bao_lower(terms: Terms, K: int, tau: float, classes: int | None = None, probs: ArrayLike | None = None) -> float:
    """Lower bound on the supervised loss: L_info + D_L; for views of one image if mu_c is the mean over the anchors."""
    return terms.L_info + lower_gap(K, tau, classes, probs)


def upper_gap(K: int, tau: float, classes: int | None = None, probs: ArrayLike | None = None) -> float:
    """D_U = ln(pi_max C^2 cosh^2(1 / tau) / K)."""
    p = _checked(K, tau, classes, probs)
    return float(np.log(p.max() * len(p) ** 2 / K)) + 2 * log_cosh(1 / tau)


def lower_gap(K: int, tau: float, classes: int | None = None, probs: ArrayLike | None = None) -> float:
    """D_L = H(pi) + ln K - 2 ln(1 + K) - 2 ln cosh(1 / tau)."""
    p = _checked(K, tau, classes, probs)
    return float(entr(p).sum()) + math.log(K) - 2 * math.log1p(K) - 2 * log_cosh(1 / tau)


def sharp_upper_gap(K: int, tau: float, classes: int | None = None, probs: ArrayLike | None = None) -> float:
    """The least constant that the proof of `upper_gap` allows.

    max_a [ln(a e^b + (C - a) e^-b) - (2 P_a - 1) b] - ln K, P_a the sum of the a least probabilities, a = 1..C.
    Derived: ln sum_j e^t_j - sum_j pi_j t_j is convex in t, so that it is greatest on a vertex of [-b, b]^C.
    """
    p = _checked(K, tau, classes, probs)
    return _greatest(np.arange(1, len(p) + 1), np.sort(p).cumsum(), 1 / tau) - math.log(K)


def sharp_lower_gap(K: int, tau: float, classes: int | None = None, probs: ArrayLike | None = None) -> float:
    """The greatest constant that the proof of `lower_gap` allows.

    H(pi) - max_m [ln((m + 1) e^b + (K - m) e^-b) - (2 m / K - 1) b], m = 0..K. Derived as `sharp_upper_gap`.
    """
    p = _checked(K, tau, classes, probs)
    return float(entr(p).sum()) - _greatest(np.arange(1, K + 2), np.arange(K + 1) / K, 1 / tau)


def log_cosh(x: float) -> float:
    """Return ln cosh(x), for x of any size."""
    return float(np.logaddexp(x, -x)) - math.log(2)


def _greatest(high: NDArray[np.int64], weight: Floats, b: float) -> float:
    """Max of ln sum_j e^t_j less the mean of t: `high` of high[-1] logits are b, of share `weight`, the others -b."""
    return float((np.log(high + (high[-1] - high) * math.exp(-2 * b)) + 2 * b * (1 - weight)).max())


def _checked(K: int, tau: float, classes: int | None, probs: ArrayLike | None) -> Floats:
    at_least("K", K, 1)
    above_0("tau", tau)
    return prior(classes, probs)
