"""The power of the tests of a report, by scipy's laws and numerical integration."""

import math

from scipy import integrate, stats


def power_of_difference(n: float, sd: float, size: float, wrong: float = 0.05) -> float:
    """Of a paired t test of n seeds at a level, where the true difference is `size`."""
    return float(stats.nct.sf(stats.t.ppf(1 - wrong / 2, n - 1), n - 1, abs(size) * math.sqrt(n) / sd))


def power_of_equality(n: float, sd: float, margin: float, wrong: float = 0.05) -> float:
    """Of two one-sided t tests of equal settings, over the law of the standard deviation, s of sd, that comes out."""

    def at(s: float) -> float:
        room = margin * math.sqrt(n) / sd - stats.t.ppf(1 - wrong, n - 1) * s
        return max(2 * stats.norm.cdf(room) - 1, 0.0) * stats.chi.pdf(s * math.sqrt(n - 1), n - 1)

    return float(integrate.quad(at, 0, 8, limit=200)[0] * math.sqrt(n - 1))
