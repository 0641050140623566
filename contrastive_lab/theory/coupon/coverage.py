"""The probability that a sample has every class, as one coefficient of a generating function, in logs."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def log_covered(draws: int, probs: Floats, population: float = math.inf) -> float:
    """Log of the probability that `draws` labels have all C classes.

    With G(z) = prod_c (e^{p_c w(z)} - 1) it is [z^n] G / [z^n] e^{w(z)}: w = z for independent labels, and
    w = N log(1 + z/N) for labels drawn without replacement from N. The coefficient is Cauchy's integral on the circle
    through the saddle point, where nothing cancels: it is the probability that a sum of Poisson (or binomial)
    numbers, each known to be above zero, is n. Relative error of the probability below 1e-10 for n up to 1e5.

    Args:
        draws: n, more than C, and few enough that a class can be missed.
        probs: (C,) shares of the classes, > 0, sum 1.
        population: N, at least n; infinite for independent labels.

    Returns:
        The log, at most 0.

    Source: the generating function is that of Flajolet, Gardy and Thimonier 1992; the form as a ratio of two
    probabilities is derived here.
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


def _exponent(mean: float, population: float, angles: Floats) -> NDArray[np.complex128]:
    """w(z) on the circle where the plain sum has this mean; log(1 + z) by parts, since numpy's loses small z."""
    z: NDArray[np.complex128] = mean / (1 - mean / population) * np.exp(1j * angles)
    if math.isinf(population):
        return z
    z /= population
    modulus, phase = np.log1p(2 * z.real + abs(z) ** 2) / 2, np.arctan2(z.imag, 1 + z.real)
    w: NDArray[np.complex128] = population * (modulus + 1j * phase)
    return w


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
    return n * math.log(mean / n) + (n - mean) - math.log(2 * math.pi * n) / 2 - series
