"""The coupon collector: how many labels must be drawn until every class is among them.

Letters: C classes, n = K + 1 labels (those of the anchor and of its K negatives), T the number of labels drawn when
the last class appears. Every function takes either `classes`, for C >= 1 classes of equal probability, or `probs`, (C,)
probabilities above zero that sum to 1; `draws` is n >= 0, `counts` (C,) images of each class, at least 1 each. A
ValueError of one line names the argument that is out of range, or asks for either `classes` or `probs`. Every sum has
terms of one sign: inclusion-exclusion in float64, which the authors' public code uses with its summands clipped at 0,
is wrong by 4.5e-4 at C = 100.
"""

import math
from bisect import bisect_left

import numpy as np
from numpy.typing import ArrayLike

from contrastive_lab.theory.coupon.coverage import Floats, log_covered, missing, missing_at
from contrastive_lab.theory.coupon.prior import at_least, class_counts, is_uniform, prior

TINY = 1e-300
TIE = 1e-12  # probabilities as near as this are equal but for rounding


def coverage_probability(draws: int, classes: int | None = None, probs: ArrayLike | None = None) -> float:
    """Probability that n independent labels have all C classes: upsilon_n of Nozawa & Sato, n = K + 1.

    >>> round(coverage_probability(3, classes=2), 9)  # all but two of the eight triples
    0.75
    >>> f"{coverage_probability(128, classes=100):.3g}"
    '1.5e-22'

    The relative error is below 1e-9 for n up to 1e7; 0 below 1e-308. Source: upsilon of Nozawa & Sato 2021, read in the
    authors' public code; computed as `coverage` derives it.
    """
    return _covered_and_missing(draws, prior(classes, probs))[0]


def missing_probability(draws: int, classes: int | None = None, probs: ArrayLike | None = None) -> float:
    """Probability that n independent labels lack a class, 1 - `coverage_probability`; as precise, also far below 1.

    >>> f"{missing_probability(65536, classes=1000):.3g}"
    '3.34e-26'
    """
    return _covered_and_missing(draws, prior(classes, probs))[1]


def coverage_without_replacement(draws: int, counts: ArrayLike) -> float:
    """Probability that n labels drawn without replacement from a finite set have all classes; n is at most its size.

    Source: derived here, relative error below 1e-9; the finite form of Nozawa & Sato's upsilon, for a validation set.
    """
    sizes = class_counts(counts)
    total = int(sizes.sum())
    if draws > total:
        raise ValueError(f"draws={draws}: must be at most {total}, the number of images")
    return _covered_and_missing(draws, sizes / total, total)[0]


def smallest_draws(coverage: float, classes: int | None = None, probs: ArrayLike | None = None) -> int:
    """The smallest n for which n independent labels have all classes with at least this probability, in (0, 1).

    >>> smallest_draws(0.99, classes=10)
    66
    """
    if not 0 < coverage < 1:
        raise ValueError(f"coverage={coverage}: must be above 0 and below 1")
    p = prior(classes, probs)

    def enough(n: int) -> bool:
        covered, lacking = _covered_and_missing(n, p)
        return covered >= coverage * (1 - TIE) if coverage < 0.5 else lacking <= (1 - coverage) * (1 + TIE)

    high = len(p)
    while not enough(high):
        high *= 2
    return bisect_left(range(high), True, lo=high // 2, key=enough)


def expected_draws(classes: int | None = None, probs: ArrayLike | None = None) -> float:
    """E[T]: C (1 + 1/2 + ... + 1/C), or of any prior the integral of 1 - prod_c (1 - e^{-p_c s}) over s > 0.

    >>> round(expected_draws(probs=[0.5, 0.25, 0.25]), 9)
    6.333333333

    Source: Flajolet, Gardy & Thimonier 1992; both forms were read in the authors' public code of Nozawa & Sato 2021.
    """
    p = prior(classes, probs)
    return float((len(p) / np.arange(len(p), 0, -1)).sum()) if is_uniform(p) else _mean_time(p)


def variance_of_draws(classes: int | None = None, probs: ArrayLike | None = None) -> float:
    """Var[T]: the sum over i of (1 - i/C) / (i/C)^2, or of any prior Var[S] - E[S].

    S is when the last class arrives where labels arrive at rate 1. Var[S] is the integral of 2 (m - s) P(S < s)
    below the mean m and 2 (s - m) P(S > s) above. Source: the uniform form is textbook; the other is derived here.
    """
    p = prior(classes, probs)
    if is_uniform(p):
        i = np.arange(len(p), 0, -1)
        return float((len(p) * (len(p) - i) / i**2).sum())
    mean = _mean_time(p)
    s, weights = _nodes(p, mean)
    late = missing_at(s, p)
    return 2 * float((weights * np.where(s < mean, (mean - s) * (1 - late), (s - mean) * late)).sum()) - mean


def distinct_law(draws: int, classes: int) -> Floats:
    """The probabilities (C + 1,) of 0 to C distinct labels among n independent ones of C equally probable classes.

    The last one is upsilon_n. What is below 1e-300 may be 0. Source: the occupancy chain; textbook.
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


def _covered_and_missing(draws: int, p: Floats, population: float = math.inf) -> tuple[float, float]:
    """The probability of coverage and what it lacks to 1, of any n; `population` is finite without replacement."""
    at_least("draws", draws, 0)
    if draws < len(p):
        return 0.0, 1.0
    if len(p) == 1 or draws + population * float(p.min()) > population + 0.5:  # the rest is less than any class has
        return 1.0, 0.0
    if draws == len(p):
        rest = np.log1p(-np.arange(draws) / population)
        covered = math.exp(float(np.log(p * np.arange(1, draws + 1)).sum() - rest.sum()))
    elif math.isinf(population) and missing_at(draws, p) < 0.5:
        lacking = missing(draws, p)
        return 1 - lacking, lacking
    else:
        covered = math.exp(log_covered(draws, p, population))
    return covered, 1 - covered


def _mean_time(p: Floats) -> float:
    """E[S], the integral of P(S > s) over s > 0; the same as the mean number of labels."""
    s, weights = _nodes(p, 1.0)
    return float((weights * missing_at(s, p)).sum())


def _nodes(p: Floats, knot: float) -> tuple[Floats, Floats]:
    """Gauss-Legendre nodes and weights for an integral over s > 0, on panels that double; `knot` is an edge."""
    last = math.ceil(math.log2((math.log(len(p)) + 60) / p.min()))  # the rest is below e^-60
    edges = np.union1d([0.0, *np.exp2(np.arange(last + 1))], [knot])
    x, weights = np.polynomial.legendre.leggauss(64)
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half * (1 + x)).ravel(), (half * weights).ravel()
