"""Mean and standard error over seeds, and whether two means differ.

A summary is a table with `mean` (NaN for n = 0), `se` (s / sqrt(n), s^2 the sum of squares about the mean over n - 1;
NaN for n < 2) and `n` of some groups of runs, a row for each group.
"""

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats


def finite(values: pd.Series) -> pd.Series:
    """Values as numbers, NaN where there is none or an infinite one."""
    return pd.to_numeric(values, errors="coerce").astype(float).replace([math.inf, -math.inf], math.nan)


def summarize(values: pd.Series, groups: Any) -> pd.DataFrame:
    """The summary of the finite values of the runs, by the group of each."""
    found = finite(values).groupby(groups)
    return pd.DataFrame({"mean": found.mean(), "se": found.sem(), "n": found.count()})


def texts(found: pd.DataFrame) -> list[str]:
    """Means ± standard errors with the decimals of the column; empty for n = 0."""
    digits = decimals(found)
    means = ["" if math.isnan(mean) else f"{mean:.{digits}f}" for mean in found["mean"]]
    errors = ["" if math.isnan(se) else f" ± {se:.{digits}f}" for se in found["se"]]
    return [mean + error for mean, error in zip(means, errors, strict=True)]


def decimals(found: pd.DataFrame) -> int:
    """Decimals for some means, at most 4: two digits of the median error, else four of the largest mean."""
    errors = sorted(se for se in found["se"] if se > 0)
    digits, size = (2, errors[len(errors) // 2]) if errors else (4, found["mean"].abs().max())
    return min(4, max(0, digits - 1 - math.floor(math.log10(size)))) if size > 0 else 0


def binomial_se(percent: float, images: int) -> float:
    """Standard error of an accuracy on a test set, sqrt(p (1 - p) / images), in points.

    It says what another test set of that size would give for the same encoder; nothing of other seeds.

    Raises:
        ValueError: for an accuracy outside of 0 to 100, or no image.
    """
    if not (0 <= percent <= 100 and images >= 1):
        raise ValueError(f"percent={percent}, images={images}: must be 0 to 100 percent of at least one image")
    return math.sqrt(percent * (100 - percent) / images)


def in_errors(first: Any, second: Any) -> pd.Series:
    """Difference first - second in standard errors of the difference, sqrt(se1^2 + se2^2); NaN where n < 2.

    At least one of the two is a summary; the other may be a single row of one.
    """
    difference, error = first["mean"] - second["mean"], np.hypot(first["se"], second["se"])
    gaps: pd.Series = difference / error.where((difference != 0) | (error != 0), 1.0)  # 0 / 0 is no difference
    return gaps


def by_chance(n: int, t: float = 2.0) -> float:
    """How often two means of n runs each differ by more than t > 0 standard errors although nothing is different.

    Student's law with 2n - 2 degrees of freedom, for normal values of equal spread.

    Raises:
        ValueError: for n < 2.
    """
    if n < 2:
        raise ValueError(f"n={n}: must be at least 2 runs")
    return float(2 * stats.t.sf(t, 2 * n - 2))
