"""The probabilities that a sample has every class and that it lacks one, as coefficients of generating functions.

G(z) = prod_c (e^{p_c w(z)} - 1) counts the samples that have all C classes: of n labels the share is
[z^n] G / [z^n] e^{w(z)}, with w = z for independent labels and w = N log(1 + z/N) for labels drawn without replacement
from N; e^w - G counts those that lack a class. Neither has a negative coefficient, so that Cauchy's integral on the
circle through the saddle point is the probability that a random number is n, and nothing cancels.

Letters: `draws` n; `probs` (C,) class probabilities above 0, of sum 1; `population` N >= n, infinite for independent
labels. The arguments are not checked here; the functions of `draws` check theirs.
Source: the generating function is that of Flajolet, Gardy & Thimonier 1992; the integrals are derived here.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log1p

Floats = NDArray[np.float64]
Complex = NDArray[np.complex128]


def log_covered(draws: int, probs: Floats, population: float = math.inf) -> float:
    """Log of the probability that `draws` labels have all C classes; relative error below 1e-10 for n up to 1e5.

    n must be above C, and so small that a class can be missed.
    """
    probs, repeats = np.unique(probs, return_counts=True)
    mean, spread = _saddle(draws, probs, repeats, population)
    points = 2 * int(5 * spread + 30) + 1  # as wide as 10 standard deviations: what folds back is below e^-50
    half = np.arange(points // 2 + 1, dtype=np.float64)  # the other half of the circle is the mirror image
    angles = 2 * np.pi / points * half
    angles = angles[: _needed(angles, mean, probs, repeats, population)]
    w = _exponent(mean, population, angles)
    logs = w - w[0].real - 1j * draws * angles
    for p, repeat in zip(probs, repeats, strict=True):
        present = -np.expm1(-p * w)
        logs += repeat * np.log(present / present[0].real)
    terms = np.exp(logs).real
    hit = (2 * terms.sum() - terms[0]) / points
    all_present = float(repeats @ np.log(-np.expm1(-probs * w[0].real)))
    return min(all_present + math.log(hit) - _log_binomial(draws, population, mean), 0.0)


def missing(draws: int, probs: Floats) -> float:
    """Probability that `draws` independent labels lack a class; relative error below 1e-10.

    C must be 2 or more, and n so high that `missing_at(n)` is below 1/2: then the random number spreads as a Poisson
    one does. Below 1e-10 it is the union bound, sum_c (1 - p_c)^n, whose relative error is half of itself.
    """
    union = float(np.exp(draws * np.log1p(-probs)).sum())
    if union < 1e-10:
        return union
    deviation = math.sqrt(draws)
    low, high = float(draws), draws / (1 - float(probs.max()))
    radius = low
    while high - low > deviation / 100:  # any radius nearby gives the same integral
        radius = (low + high) / 2
        lacking = float(missing_at(radius, probs))
        with np.errstate(over="ignore"):
            single = (1 - lacking) * float((probs / np.expm1(probs * radius)).sum())  # minus the slope of `lacking`
        low, high = (radius, high) if lacking and radius * (1 - single / lacking) < draws else (low, radius)
    points = 2 * int(6 * deviation + 30) + 1
    angles = 2 * np.pi / points * np.arange(points // 2 + 1)
    angles = angles[angles < 15 / deviation]
    z = radius * np.exp(1j * angles)
    terms = (missing_at(z, probs) * np.exp(z - radius - 1j * draws * angles)).real
    return float(2 * terms.sum() - terms[0]) / points * math.exp(-_log_poisson(draws, radius))


def missing_at(z: Any, probs: Floats) -> NDArray[Any]:
    """1 - prod_c (1 - e^{-p_c z}) at each z: for real z the probability that Poisson(z) labels lack a class."""
    values, repeats = np.unique(probs, return_counts=True)
    absent = np.exp(-np.multiply.outer(values, z))
    with np.errstate(divide="ignore"):  # log 0 where e^{-p z} rounds to 1
        lacking: NDArray[Any] = -np.expm1(repeats @ log1p(-absent))
    return lacking


def _saddle(draws: int, probs: Floats, repeats: NDArray[Any], population: float) -> tuple[float, float]:
    """Mean of the plain sum for which the sum of numbers above zero has the mean `draws`; the latter's deviation."""
    low, high = draws - float(repeats.sum()), float(draws)  # since E[X] <= E[X | X > 0] <= E[X] + 1
    for _ in range(30):  # any mean nearby gives the same integral
        mean = (low + high) / 2
        plain = mean * probs
        means = plain / -np.expm1(-probs * _exponent(mean, population, np.zeros(1)).real)
        low, high = (mean, high) if repeats @ means < draws else (low, mean)
    variances = means * (1 - mean / population + plain - means)
    return mean, math.sqrt(max(float(repeats @ variances), 0.0))


def _needed(angles: Floats, mean: float, probs: Floats, repeats: NDArray[Any], population: float) -> int:
    """How many angles, from 0 on, are needed: the terms behind them are below e^-60 of the first.

    |e^{p w} - 1| is at most |z| (e^{p u} - 1) / (e^{u/N} - 1) / N with u = Re w, and that falls with the angle.
    """
    count = 32
    while count < len(angles):
        u = _exponent(mean, population, angles[[0, count]]).real
        scale = np.log(abs(u)) if math.isinf(population) else _log_expm1(u / population) + math.log(population)
        logs = repeats @ (_log_expm1(np.outer(probs, u)) - scale)
        if logs[1] < logs[0] - 60:
            break
        count *= 2
    return count


def _log_expm1(x: Floats) -> Floats:
    """Log of |e^x - 1|, x not 0, for x of any size."""
    values: Floats = np.maximum(x, 0) + np.log(-np.expm1(-abs(x)))
    return values


def _exponent(mean: float, population: float, angles: Floats) -> Complex:
    """w(z) on the circle where the plain sum has this mean."""
    z: Complex = mean / (1 - mean / population) * np.exp(1j * angles)
    return z if math.isinf(population) else population * log1p(z / population)


def _log_binomial(n: int, population: float, mean: float) -> float:
    """Log of the probability that a binomial of this population and mean is n; Poisson where it is infinite."""
    if math.isinf(population):
        return _log_poisson(n, mean)
    rest = _log_poisson(population - n, population - mean)
    return _log_poisson(n, mean) + rest - _log_poisson(population, population)


def _log_poisson(n: float, mean: float) -> float:
    """Log of e^-mean mean^n / n!, by Stirling's series so that large terms do not cancel."""
    if n < 16:
        return n * math.log(mean) - mean - math.lgamma(n + 1)
    series = 1 / (12 * n) - 1 / (360 * n**3) + 1 / (1260 * n**5) - 1 / (1680 * n**7)
    return n * math.log1p((mean - n) / n) + (n - mean) - math.log(2 * math.pi * n) / 2 - series
