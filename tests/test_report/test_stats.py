import math
import statistics

import pandas as pd
import pytest

from contrastive_lab.report.stats import decimals, summarize, texts


def summary(*values: float | None) -> pd.Series:
    """Mean, standard error and n of some values."""
    return summarize(pd.Series(values, dtype=object), [0] * len(values)).iloc[0]


def table(*rows: tuple[float, float, int]) -> pd.DataFrame:
    """A column of summaries: mean, half of the interval, n."""
    return pd.DataFrame([(m, m - half, m + half, n) for m, half, n in rows], columns=["mean", "low", "high", "n"])


def test_mean_and_interval_are_those_worked_by_hand() -> None:
    found = summary(80.0, 82.0, 84.0)  # s^2 = (4 + 0 + 4) / 2 = 4; t of 97.5 % at 2 degrees is 4.3027
    assert (found["n"], found["mean"]) == (3, 82.0)
    assert found["high"] - 82 == pytest.approx(4.3027 * math.sqrt(4 / 3), rel=1e-4)
    values = [79.9, 79.3, 82.1, 80.4, 81.0]
    half = 2.7764 * statistics.stdev(values) / math.sqrt(5)
    assert summary(*values)["low"] == pytest.approx(statistics.mean(values) - half, rel=1e-4)


def test_each_group_has_a_mean_of_its_own() -> None:
    found = summarize(pd.Series([1.0, 10.0, 3.0]), ["a", "b", "a"])
    assert found["mean"].to_dict() == {"a": 2.0, "b": 10.0}
    assert found["n"].to_dict() == {"a": 2, "b": 1}


def test_what_is_not_a_number_is_no_value() -> None:
    assert summary(None, math.nan, 80.0, math.inf, 82.0)[["mean", "n"]].to_list() == [81.0, 2]
    one = summary(80.0)
    assert (one["n"], one["mean"], math.isnan(one["low"])) == (1, 80.0, True)
    assert summary(None)["n"] == 0
    assert texts(table((math.nan, math.nan, 0))) == [""]


def test_a_column_has_as_many_decimals_as_its_errors_carry() -> None:
    assert decimals(table((82.1, 0.4, 3), (82.1, 0.04, 3), (80, 0.5, 3))) == 2
    assert decimals(table((1900, 31.0, 3))) == 0
    assert decimals(table((2.5, math.nan, 1))) == 3
    assert texts(table((82.123, 0.456, 3))) == ["82.12 ± 0.46"]
