"""Two formulas for upsilon_n that are right on paper and wrong in float64; kept to show by how much."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from contrastive_lab.theory.coupon.coverage import Floats


def inclusion_exclusion(draws: NDArray[Any], classes: int) -> Floats:
    """Sum over j of (-1)^j binom(C, j) (1 - j/C)^n for each n of `draws`: terms up to 1e29 cancel at C = 100."""
    j = np.arange(classes + 1)
    powers: Floats = (1 - j / classes) ** draws[:, None]
    return powers @ (_binomials(classes) * (-1.0) ** j)


def clipped_sum(last: int, classes: int) -> Floats:
    """The sum of max(P(T = n), 0) for n = C to each of C to `last`, P(T = n) by an alternating sum over m.

    P(T = n) = sum over m < C - 1 of (-1)^m binom(C - 1, m) (1 - (m + 1)/C)^(n - 1). Clipping keeps the positive half of
    the rounding errors: about 4.5e-4 at C = 100, how much exactly depends on the order of the operations. Source: read
    in the public code of Nozawa & Sato 2021 (their notebook on the coupon collector).
    """
    m = np.arange(classes - 1)
    n = np.arange(classes, last + 1)[:, None]
    terms = _binomials(classes - 1)[:-1] * (-1.0) ** m * np.exp((n - 1) * np.log(1 - (m + 1) / classes))
    return np.cumsum(np.maximum(np.cumsum(terms, axis=1)[:, -1], 0))


def _binomials(n: int) -> Floats:
    """(n + 1,) binomial coefficients."""
    k = np.arange(1, n + 1)
    return np.concatenate([[1.0], np.cumprod((n - k + 1) / k)])
