"""Mean and standard error over seeds, and whether two means differ."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    """Mean over n runs and its standard error.

    Args:
        n: runs with a finite value.
        mean: not a number for n = 0.
        se: standard error of the mean; None for n < 2.
    """

    n: int
    mean: float
    se: float | None

    def __str__(self) -> str:
        """Mean ± standard error, two digits of the latter; empty for n = 0."""
        return self.text(decimals([self]))

    def text(self, decimals: int) -> str:
        """The same with so many decimals."""
        if self.n == 0:
            return ""
        return f"{self.mean:.{decimals}f}" + ("" if self.se is None else f" ± {self.se:.{decimals}f}")


def decimals(column: Iterable["Summary"]) -> int:
    """Decimals for a column of summaries, at most 4: two digits of the median error, else four of the means."""
    found = [value for value in column if value.n]
    errors = sorted(value.se for value in found if value.se)
    if errors:
        return min(4, max(0, 1 - math.floor(math.log10(errors[len(errors) // 2]))))
    largest = max((abs(value.mean) for value in found), default=0.0)
    return min(4, max(0, 3 - math.floor(math.log10(largest)))) if largest > 0 else 0


def summarize(values: Iterable[float | None]) -> Summary:
    """Mean and standard error s / sqrt(n), s^2 the sum of squares about the mean over n - 1; None and NaN left out."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    n = len(known)
    if n == 0:
        return Summary(0, math.nan, None)
    mean = math.fsum(known) / n
    if n == 1:
        return Summary(1, mean, None)
    return Summary(n, mean, math.sqrt(math.fsum((value - mean) ** 2 for value in known) / (n - 1) / n))


def binomial_se(percent: float, images: int) -> float:
    """Standard error of an accuracy on a test set, sqrt(p (1 - p) / images), in points.

    It says what another test set of that size would give for the same encoder; nothing of other seeds.

    Args:
        percent: accuracy, 0 to 100.
        images: size of the test set, at least 1.

    Raises:
        ValueError: for an accuracy outside of 0 to 100, or no image.
    """
    if not (0 <= percent <= 100 and images >= 1):
        raise ValueError(f"percent={percent}, images={images}: must be 0 to 100 percent of at least one image")
    return math.sqrt(percent * (100 - percent) / images)


def in_errors(first: Summary, second: Summary) -> float | None:
    """Difference first - second in standard errors of the difference, sqrt(se1^2 + se2^2); None where n < 2."""
    if first.se is None or second.se is None:
        return None
    difference, error = first.mean - second.mean, math.hypot(first.se, second.se)
    if difference == 0:
        return 0.0
    return difference / error if error > 0 else math.copysign(math.inf, difference)


def by_chance(n: int, t: float = 2.0) -> float:
    """How often two means of n runs each differ by more than t standard errors although nothing is different.

    Student's law with 2n - 2 degrees of freedom, for normal values of equal spread; the finite sum for an even number
    of degrees is formula 26.7.4 of Abramowitz & Stegun 1964 (remembered; tested against a table).

    Args:
        n: runs of each mean, at least 2.
        t: standard errors of the difference, above 0.

    Raises:
        ValueError: for n < 2.
    """
    if n < 2:
        raise ValueError(f"n={n}: must be at least 2 runs")
    angle = math.atan(t / math.sqrt(2 * n - 2))
    terms, term = 0.0, 1.0
    for i in range(n - 1):
        terms += term
        term *= math.cos(angle) ** 2 * (2 * i + 1) / (2 * i + 2)
    return 1 - math.sin(angle) * terms
