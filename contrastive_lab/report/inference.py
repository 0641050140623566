"""Intervals and tests that can carry "it makes no difference": over seeds, and over seeds and test images together.

Letters: n seeds, m test images. Settings that share seeds are paired: order of the data and views are functions of the
seed, so what a seed is worth drops out of a difference; which negatives are drawn is not the same for two K. Levels are
95 %, and 5 % for a wrong sentence.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

LEVEL, WRONG = 0.95, 0.05  # of intervals, and chance of a wrong sentence
POWER = 0.8
SEEDS = np.arange(2, 1001)


class Estimate(NamedTuple):
    """A mean with its 95 % interval, the n values behind it and their standard deviation; NaN where n < 2."""

    mean: float
    low: float
    high: float
    n: int
    sd: float


def t_factor(n: Any) -> Any:
    """Half of Student's 95 % interval of n values, a number or an array, in standard errors; NaN where n < 2."""
    return stats.t.ppf((1 + LEVEL) / 2, np.where(np.asarray(n) > 1, np.asarray(n) - 1.0, math.nan))


def t_interval(values: ArrayLike) -> Estimate:
    """Mean of n values with Student's t interval, n - 1 degrees of freedom.

    Right for normal values at any n >= 2; one standard error to each side holds 58 % at n = 3.
    """
    x = np.asarray(values, dtype=float)
    n, mean = len(x), float(x.mean()) if len(x) else math.nan
    sd = float(x.std(ddof=1)) if n > 1 else math.nan
    half = float(t_factor(n)) * sd / math.sqrt(max(n, 1))
    return Estimate(mean, mean - half, mean + half, n, sd)


def wilson(percent: float, images: int) -> tuple[float, float]:
    """Wilson's binomial interval of an accuracy on a test set, in percent: of the images alone, nothing of seeds.

    Raises:
        ValueError: for an accuracy outside of 0 to 100, or no image.
    """
    if not (0 <= percent <= 100 and images >= 1):
        raise ValueError(f"percent={percent}, images={images}: must be 0 to 100 percent of at least one image")
    found = stats.binomtest(round(percent * images / 100), images).proportion_ci(LEVEL, method="wilson")
    return 100 * float(found.low), 100 * float(found.high)


def slopes(x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
    """Slope of each row of y (n, points) by least squares against log2 of x (points,): change per doubling."""
    doublings = np.log2(np.asarray(x, dtype=float))
    centred = doublings - doublings.mean()
    found: NDArray[np.float64] = np.asarray(y, dtype=float) @ centred / (centred @ centred)
    return found


def equivalence(differences: ArrayLike, margin: float) -> float:
    """The p value of two one-sided t tests (Schuirmann 1987) that the mean is within +-margin; 1 for n < 2."""
    found = t_interval(differences)
    if found.n < 2:
        return 1.0
    if found.sd == 0:
        return float(abs(found.mean) >= margin)
    distance = (margin - abs(found.mean)) * math.sqrt(found.n) / found.sd
    return float(stats.t.sf(distance, found.n - 1))


def seeds_for_equivalence(sd: float, margin: float) -> int:
    """Least n at which the two tests find equal settings equivalent in 80 % of the tries, given the differences' sd.

    From Student's law; more than 1,000 is given as 1,000.
    """
    distance = margin * np.sqrt(SEEDS) / sd if sd > 0 else np.full(len(SEEDS), math.inf)
    return _least(2 * stats.t.cdf(distance - stats.t.ppf(LEVEL, SEEDS - 1), SEEDS - 1) - 1)


def seeds_for_difference(sd: float, difference: float) -> int:
    """Least n at which a paired t test finds a true difference of that size in 80 % of the tries; at most 1,000."""
    if sd == 0:
        return int(SEEDS[0])
    shift = abs(difference) * np.sqrt(SEEDS) / sd
    return _least(stats.nct.sf(t_factor(SEEDS), SEEDS - 1, shift))


def _least(power: ArrayLike) -> int:
    """The first number of seeds with enough power, else the last."""
    enough = np.asarray(power) >= POWER
    return int(SEEDS[np.argmax(enough)]) if enough.any() else int(SEEDS[-1])


def holm(p: Sequence[float]) -> list[float]:
    """The p values after Holm's step-down correction (1979), in their order: each below 0.05 is one of its own."""
    values = np.asarray(p, dtype=float)
    order = values.argsort(kind="stable")
    steps = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)).clip(max=1)
    found = np.empty_like(values)
    found[order] = steps
    return [float(value) for value in found]


def over_seeds_and_images(right: ArrayLike, other: ArrayLike) -> Estimate:
    """Difference in accuracy, in points, of two settings on the same seeds and test images, both taken as drawn.

    `right` and `other` (n, m) say which images were classified rightly, n >= 2. Crossed random effects: the variance of
    the mean is (MS_seeds + MS_images - MS_rest) / (n m), not less than either alone gives, with Satterthwaite's degrees
    of freedom. What differs from run to run on a fixed test set is mostly the finite test set (Jordan 2023).
    """
    d = 100 * (np.asarray(right, dtype=float) - np.asarray(other, dtype=float))
    n, m = d.shape
    mean, by_seed, by_image = float(d.mean()), d.mean(axis=1), d.mean(axis=0)
    rest = d - by_seed[:, None] - by_image[None] + mean
    free = np.array([n - 1, m - 1, (n - 1) * (m - 1)])
    squares = np.array([m * by_seed.var() * n, n * by_image.var() * m, (rest**2).sum()]) / free
    seeds, images, error = (float(square) for square in squares)
    parts = {n - 1: seeds, m - 1: images}
    variance, df = max((value, degrees) for degrees, value in parts.items())
    if (both := seeds + images - error) > variance and both > 0:
        variance, df = both, both**2 / float((squares**2 / free).sum())
    half = float(t_factor(df + 1)) * math.sqrt(variance / (n * m))
    return Estimate(mean, mean - half, mean + half, n, float(by_seed.std(ddof=1)))
