"""Intervals and tests that can carry "it makes no difference": over seeds, and over seeds and test images together.

Letters: n seeds, m test images. Settings that share seeds are paired: order of the data and views are functions of the
seed, so what a seed is worth drops out of a difference; which negatives are drawn is not the same for two K. Levels are
95 %, and 5 % for a wrong sentence.
"""

import math
from bisect import bisect_left
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

LEVEL, WRONG = 0.95, 0.05  # of intervals, and chance of a wrong sentence
POWER = 0.8
SEEDS = range(2, 1001)
SURE = 20.0  # noncentrality above which the noise of a mean is nothing beside that of its standard error
MIDDLES = (np.arange(64) + 0.5) / 64  # of equal shares of a law, to average over


class Estimate(NamedTuple):
    """A mean with its 95 % interval, the n values behind it and their standard deviation; NaN where n < 2.

    Each is a number, or an array where many are estimated at once.
    """

    mean: Any
    low: Any
    high: Any
    n: Any
    sd: Any

    @property
    def clear(self) -> Any:
        """Whether 0 lies outside of the interval."""
        return (self.low > 0) | (self.high < 0)


def t_factor(n: Any) -> Any:
    """Half of Student's 95 % interval of n values, a number or an array, in standard errors; NaN where n < 2."""
    return special.stdtrit(np.where(np.asarray(n) > 1, np.asarray(n) - 1.0, math.nan), (1 + LEVEL) / 2)


def t_interval(values: ArrayLike, step: float = 0.0) -> Estimate:
    """Mean of values (..., n), of which NaN are none, with Student's t interval, n - 1 degrees of freedom.

    Right for normal values at any n >= 2; one standard error to each side holds 58 % at n = 3. Values that come in
    steps, such as accuracies on few images, may be equal by chance: their deviation is not taken to be below that of
    rounding, step / sqrt(12).
    """
    x = np.asarray(values, dtype=float)
    there = ~np.isnan(x)
    n = there.sum(axis=-1)
    some, free = np.where(n > 0, n, math.nan), np.where(n > 1, n - 1, math.nan)
    mean = x.sum(axis=-1, where=there) / some
    sd = np.maximum(np.sqrt(((x - mean[..., None]) ** 2).sum(axis=-1, where=there) / free), step / math.sqrt(12))
    half = t_factor(n) * sd / np.sqrt(some)
    return Estimate(mean, mean - half, mean + half, n, sd)


def wilson(percent: float, images: int) -> tuple[float, float]:
    """Wilson's binomial interval of an accuracy on a test set, in percent: of the images alone, nothing of seeds.

    Raises:
        ValueError: for an accuracy outside of 0 to 100, or no image.
    """
    if not (0 <= percent <= 100 and images >= 1):
        raise ValueError(f"percent={percent}, images={images}: must be 0 to 100 percent of at least one image")
    from scipy import stats  # here, as it takes half a second to import and a sweep with several seeds needs none of it

    found = stats.binomtest(round(percent * images / 100), images).proportion_ci(LEVEL, method="wilson")
    return 100 * float(found.low), 100 * float(found.high)


def slopes(x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
    """Slope of each row of y (n, points) by least squares against log2 of x (points,): change per doubling."""
    doublings = np.log2(np.asarray(x, dtype=float))
    centred = doublings - doublings.mean()
    found: NDArray[np.float64] = np.asarray(y, dtype=float) @ centred / (centred @ centred)
    return found


def slope_step(x: ArrayLike, step: float) -> float:
    """The step to give `t_interval` for slopes against x (points,) of values that come in steps.

    The rounding of a value has the deviation step / sqrt(12); a slope weighs each by how far out its x lies.
    """
    doublings = np.log2(np.asarray(x, dtype=float))
    return step / float(np.linalg.norm(doublings - doublings.mean()))


def difference(differences: ArrayLike, step: float = 0.0) -> Any:
    """The p value of a paired t test that the mean of differences (..., n) is 0; 1 for n < 2; `step` as above."""
    found = t_interval(differences, step)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * special.stdtr(found.n - 1, -abs(found.mean) * np.sqrt(found.n) / found.sd)
    return np.where(found.n < 2, 1.0, np.where(found.sd == 0, found.mean == 0, p))[()]


def equivalence(differences: ArrayLike, margin: float, step: float = 0.0) -> Any:
    """The p value of two one-sided t tests (Schuirmann 1987) that the mean of differences (..., n) is within +-margin.

    1 for n < 2; `step` as above.
    """
    found = t_interval(differences, step)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = special.stdtr(found.n - 1, (abs(found.mean) - margin) * np.sqrt(found.n) / found.sd)
    return np.where(found.n < 2, 1.0, np.where(found.sd == 0, abs(found.mean) >= margin, p))[()]


def gaps(y: ArrayLike) -> NDArray[np.float64]:
    """Differences of all pairs of points, seed by seed: (..., n, points) -> (..., pairs, n)."""
    points = np.moveaxis(np.asarray(y, dtype=float), -1, 0)
    return np.stack([points[i] - points[j] for i in range(len(points)) for j in range(i)], axis=-2)


def flat(y: ArrayLike, margin: float, step: float = 0.0) -> Any:
    """Whether all points of y (..., n, points) are equivalent to each other, each pair by two one-sided tests at 5 %.

    All of them have to hold, so that no correction is needed: the chance of a wrong "flat" is at most 5 %.
    """
    return (equivalence(gaps(y), margin, step) < WRONG).all(axis=-1)


def equal_to_last(y: ArrayLike, margin: float, step: float = 0.0) -> Any:
    """How many points of y (..., n, points) are equivalent to the last, from the second last down until one is not.

    In this order no correction for several tests is needed: the chance of a wrong one among them stays at 5 %.
    """
    *below, last = np.moveaxis(np.asarray(y, dtype=float), -1, 0)
    same = [equivalence(point - last, margin, step) < WRONG for point in reversed(below)]
    return np.cumprod(same, axis=0).sum(axis=0)


def seeds_for_equivalence(sd: float, margin: float, wrong: float = WRONG) -> int:
    """Least n at which the two tests find equal settings equivalent in 80 % of the tries, given the differences' sd.

    By Student's law, at the level `wrong`; more than 1,000 is given as 1,000.
    """

    def power(n: int) -> float:
        errors = sd * np.sqrt(special.chdtri(n - 1, MIDDLES) / (n - 1) / n)  # the standard errors that may come out
        room = (margin + special.stdtrit(n - 1, wrong) * errors) * math.sqrt(n) / sd
        return float(np.maximum(2 * special.ndtr(room) - 1, 0).mean())

    return _least(power) if sd else SEEDS[0]


def seeds_for_difference(sd: float, difference: float, wrong: float = WRONG) -> int:
    """Least n at which a paired t test at the level `wrong` finds a true difference of that size in 80 % of the tries.

    At most 1,000.
    """

    def power(n: int) -> Any:
        size, factor = abs(difference) * math.sqrt(n) / sd, -special.stdtrit(n - 1, wrong / 2)
        if size > SURE:
            return special.chdtr(n - 1, (n - 1) * (size / factor) ** 2)
        return 1 - special.nctdtr(n - 1, size, factor)

    return _least(power) if sd else SEEDS[0]


def further_seeds(found: Estimate, margin: float, tests: int = 1) -> tuple[float, float]:
    """How many more seeds would show it within the margin if it is, and a difference of its size, in 80 % of tries.

    Of several `tests` with Holm's correction the level is that of its first step, which is enough for any of them.
    Infinity stands for more than 1,000.
    """
    wrong = WRONG / tests
    needed = seeds_for_equivalence(found.sd, margin, wrong), seeds_for_difference(found.sd, found.mean, wrong)
    same, seen = (math.inf if n >= SEEDS[-1] else max(1, n - found.n) for n in needed)
    return same, seen


def _least(power: Callable[[int], Any]) -> int:
    """The first number of seeds with enough power, which grows with them, else the last."""
    return SEEDS[min(bisect_left(SEEDS, POWER, key=power), len(SEEDS) - 1)]


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """The p values (..., tests) after Holm's step-down correction (1979), in their order, each a test by itself."""
    values = np.asarray(p, dtype=float)
    rank = values.argsort(axis=-1, kind="stable")
    steps = np.take_along_axis(values, rank, axis=-1) * np.arange(values.shape[-1], 0, -1)
    found = np.empty_like(values)
    np.put_along_axis(found, rank, np.maximum.accumulate(steps, axis=-1).clip(max=1), axis=-1)
    return found


def over_seeds_and_images(right: ArrayLike, other: ArrayLike) -> Estimate:
    """Difference in accuracy, in points, of two settings on the same seeds and test images, both taken as drawn.

    `right` and `other` (..., n, m) say which images were classified rightly, n >= 2. Crossed random effects: the
    variance of the mean is (MS_seeds + MS_images - MS_rest) / (n m). Each source has the square of its own t factor
    (Banerjee 1960, Sankhya 22), which holds 95 % or more for independent estimates; these are nearly so, and the
    simulation asks for 94 %. The interval is never narrower than that over seeds. What differs from run to run on a
    fixed test set is mostly the finite test set (Jordan 2023).
    """
    d = 100 * (np.asarray(right, dtype=float) - np.asarray(other, dtype=float))
    n, m = d.shape[-2:]
    by_seed, mean = d.mean(axis=-1), d.mean(axis=(-1, -2))
    seeds, images = m * by_seed.var(axis=-1, ddof=1), n * d.mean(axis=-2).var(axis=-1, ddof=1)
    total = n * m * d.var(axis=(-1, -2))
    rest = (total - (n - 1) * seeds - (m - 1) * images) / ((n - 1) * (m - 1))
    squares = t_factor(n) ** 2 * seeds + t_factor(m) ** 2 * np.maximum(images - rest, 0)
    half = np.sqrt(squares / (n * m))
    return Estimate(mean, mean - half, mean + half, n, by_seed.std(axis=-1, ddof=1))
