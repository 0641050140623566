"""Mean and 95 % interval over seeds.

A summary is a table with `mean` (NaN for n = 0), `low` and `high` (Student's t interval of 95 %, NaN for n < 2) and `n`
of some groups of runs, a row for each group.
"""

import math
from typing import Any

import pandas as pd

from contrastive_lab.report.inference import t_factor


def finite(values: pd.Series) -> pd.Series:
    """Values as numbers, NaN where there is none or an infinite one."""
    return pd.to_numeric(values, errors="coerce").astype(float).replace([math.inf, -math.inf], math.nan)


def summarize(values: pd.Series, groups: Any) -> pd.DataFrame:
    """The summary of the finite values of the runs, by the group of each."""
    found = finite(values).groupby(groups)
    return interval(found.mean(), found.sem(), found.count())


def interval(mean: pd.Series, se: pd.Series, n: pd.Series) -> pd.DataFrame:
    """The summary of means with standard errors `se` over n values each."""
    half = se * t_factor(n)
    return pd.DataFrame({"mean": mean, "low": mean - half, "high": mean + half, "n": n})


def texts(found: pd.DataFrame) -> list[str]:
    """Means ± half of the t interval with the decimals of the column; empty for n = 0.

    Where `wilson` is true the interval of the test images follows, which says nothing of the spread over seeds.
    """
    digits = decimals(found)
    means = ["" if math.isnan(mean) else f"{mean:.{digits}f}" for mean in found["mean"]]
    halves = (found["high"] - found["mean"]).where(found["n"] > 1)
    errors = ["" if math.isnan(half) else f" ± {half:.{digits}f}" for half in halves]
    if "wilson" in found:
        rows = zip(errors, found["wilson"], found["low"], found["high"], strict=True)
        errors = [f" ({low:.1f} to {high:.1f}, Wilson)" if one else error for error, one, low, high in rows]
    return [mean + error for mean, error in zip(means, errors, strict=True)]


def decimals(found: pd.DataFrame) -> int:
    """Decimals for some means, at most 4: two digits of the median interval, else four of the largest mean."""
    errors = sorted(half for half in (found["high"] - found["mean"])[found["n"] > 1] if half > 0)
    digits, size = (2, errors[len(errors) // 2]) if errors else (4, found["mean"].abs().max())
    return min(4, max(0, digits - 1 - math.floor(math.log10(size)))) if size > 0 else 0
