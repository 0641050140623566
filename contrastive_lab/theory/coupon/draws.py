"""The coupon collector: how many labels must be drawn until every class is among them.

Letters: C classes, n = K + 1 labels (those of the anchor and of its K negatives), T the number of labels drawn when
the last class appears. Every function takes either `classes`, for C classes of equal probability, or `probs`, (C,)
probabilities above zero that sum to 1. Every sum has terms of one sign: inclusion-exclusion in float64, which the
authors' public code uses with its summands clipped at 0, is wrong by 4.5e-4 at C = 100.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from contrastive_lab.theory.coupon.arrival import mean_time, variance_of_time
from contrastive_lab.theory.coupon.coverage import Floats, log_covered
from contrastive_lab.theory.coupon.prior import at_least, class_counts, is_uniform, prior

TINY = 1e-300


def coverage_probability(draws: int, classes: int | None = None, probs: ArrayLike | None = None) -> float:
    """Probability that n independent labels have all C classes: upsilon_n of Nozawa & Sato, n = K + 1.

    Args:
        draws: n, at least 0.
        classes: C, for classes of equal probability.
        probs: (C,) class probabilities, instead of `classes`.

    Returns:
        Between 0 and 1, with a relative error below 1e-9 for n up to 1e7; 0 below 1e-308.

    Raises:
        ValueError: on a negative n, or on both, neither or bad values of `classes` and `probs`.

    Source: upsilon of Nozawa & Sato 2021, read in the authors' public code; computed by `log_covered`, derived there.
    """
    at_least("draws", draws, 0)
    return _covered(draws, prior(classes, probs))


def coverage_without_replacement(draws: int, counts: ArrayLike) -> float:
    """Probability that n labels drawn without replacement from a finite set have all classes.

    Args:
        draws: n, at least 0 and at most the number of images N.
        counts: (C,) images of each class, at least 1 each.

    Returns:
        Between 0 and 1, with a relative error below 1e-9.

    Raises:
        ValueError: on a class without images, or n outside 0 to N.

    Source: derived here; the finite form of Nozawa & Sato's upsilon, for a validation set.
    """
    sizes = class_counts(counts)
    total = int(sizes.sum())
    at_least("draws", draws, 0)
    if draws > total:
        raise ValueError(f"draws={draws}: must be at most {total}, the number of images")
    return _covered(draws, sizes / total, total)


def smallest_draws(coverage: float, classes: int | None = None, probs: ArrayLike | None = None) -> int:
    """The smallest n for which n independent labels have all classes with at least this probability.

    Args:
        coverage: above 0, at most 1 - 1e-9: nearer to 1 the probability itself is not known well enough.
        classes: C, for classes of equal probability.
        probs: (C,) class probabilities, instead of `classes`.

    Returns:
        n = K + 1, at least C.

    Raises:
        ValueError: on a coverage outside that range, or as `coverage_probability`.
    """
    if not 0 < coverage <= 1 - 1e-9:
        raise ValueError(f"coverage={coverage}: must be above 0, and at most 1 - 1e-9")
    p = prior(classes, probs)
    low, high = len(p) - 1, len(p)
    while _covered(high, p) < coverage:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _covered(middle, p) >= coverage else (middle, high)
    return high


def expected_draws(classes: int | None = None, probs: ArrayLike | None = None) -> float:
    """E[T], the mean number of labels until every class has appeared.

    Args:
        classes: C, for classes of equal probability: C (1 + 1/2 + ... + 1/C).
        probs: (C,) class probabilities, instead of `classes`: the integral of 1 - prod_c (1 - e^{-p_c s}) over s > 0.

    Returns:
        Draws, at least C.

    Raises:
        ValueError: as `coverage_probability`.

    Source: Flajolet, Gardy & Thimonier 1992; both forms were read in the authors' public code of Nozawa & Sato 2021.
    """
    p = prior(classes, probs)
    if is_uniform(p):
        return float((len(p) / np.arange(len(p), 0, -1)).sum())
    return mean_time(p)


def variance_of_draws(classes: int | None = None, probs: ArrayLike | None = None) -> float:
    """Var[T], of the number of labels until every class has appeared.

    Args:
        classes: C, for classes of equal probability: the sum over i of (1 - i/C) / (i/C)^2.
        probs: (C,) class probabilities, instead of `classes`: Var[S] - E[S], S the time of the last class's arrival
            where labels arrive at rate 1.

    Returns:
        Draws squared.

    Raises:
        ValueError: as `coverage_probability`.

    Source: the uniform form is textbook; the other is derived here.
    """
    p = prior(classes, probs)
    if is_uniform(p):
        i = np.arange(len(p), 0, -1)
        return float((len(p) * (len(p) - i) / i**2).sum())
    mean = mean_time(p)
    return variance_of_time(p, mean) - mean


def distinct_law(draws: int, classes: int) -> Floats:
    """The law of the number of distinct labels among n independent ones of C classes of equal probability.

    Args:
        draws: n, at least 0.
        classes: C, at least 1.

    Returns:
        (C + 1,) probabilities of 0 to C distinct labels; the last one is upsilon_n. What is below 1e-300 may be 0.

    Raises:
        ValueError: if n < 0 or C < 1.

    Source: the occupancy chain; textbook.
    """
    at_least("draws", draws, 0)
    at_least("classes", classes, 1)
    old = np.arange(classes + 1) / classes
    new = (classes - np.arange(classes)) / classes
    law = np.zeros(classes + 1)
    law[0] = 1
    for draw in range(draws):
        if draw % 64 == 0:
            low = int(np.argmax(law > TINY))
            law[:low] = 0  # what is too small for float64 also makes it slow
            if low == classes:
                break
        moved = law[low:-1] * new[low:]
        law[low:] *= old[low:]
        law[low + 1 :] += moved
    return law


def _covered(draws: int, p: Floats, population: float = math.inf) -> float:
    """The probability of coverage for any n; its two ends are closed forms, in between is Cauchy's integral."""
    if draws < len(p):
        return 0.0
    if draws + population * float(p.min()) > population + 0.5:  # fewer are left over than the smallest class has
        return 1.0
    if draws == len(p):
        rest = np.log1p(-np.arange(draws) / population)
        return math.exp(float(np.log(p * np.arange(1, draws + 1)).sum() - rest.sum()))
    return math.exp(log_covered(draws, p, population))
