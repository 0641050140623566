"""Exact probabilities of coverage by counting, in integers and fractions."""

import itertools
import math
from fractions import Fraction

import numpy as np

WEIGHTS = (1, 2, 2, 3, 5, 8, 13, 40)  # out of 74


def surjections(n: int, classes: int) -> int:
    return sum((-1) ** j * math.comb(classes, j) * (classes - j) ** n for j in range(classes + 1))


def subsets(weights: tuple[int, ...]) -> list[tuple[int, Fraction]]:
    """Sign and probability of every subset of the classes."""
    total = sum(weights)
    chosen = [c for size in range(len(weights) + 1) for c in itertools.combinations(weights, size)]
    return [((-1) ** len(c), Fraction(sum(c), total)) for c in chosen]


def covered(n: int, weights: tuple[int, ...]) -> Fraction:
    return sum((sign * (1 - p) ** n for sign, p in subsets(weights)), Fraction(0))


def split(n: int, p: np.ndarray) -> float:
    """Classes one after the other: each takes at least one of the labels that are left."""
    left = np.zeros(n + 1)
    left[n] = 1
    for c in range(len(p) - 1):
        q, after = p[c] / p[c:].sum(), np.zeros(n + 1)
        for m in range(1, n + 1):
            x = np.arange(1, m + 1)
            law = np.array([float(math.comb(m, k)) for k in x]) * q**x * (1 - q) ** (m - x)
            after[m - x] += left[m] * law
        left = after
    return float(left[1:].sum())
