import math
import statistics

import pandas as pd
import pytest

from contrastive_lab.report.stats import binomial_se, by_chance, decimals, in_errors, summarize, texts


def summary(*values: float | None) -> pd.Series:
    """Mean, standard error and n of some values."""
    return summarize(pd.Series(values, dtype=object), [0] * len(values)).iloc[0]


def table(*rows: tuple[float, float, int]) -> pd.DataFrame:
    """A column of summaries."""
    return pd.DataFrame(rows, columns=["mean", "se", "n"])


def test_mean_and_standard_error_are_those_worked_by_hand() -> None:
    found = summary(80.0, 82.0, 84.0)  # s^2 = (4 + 0 + 4) / 2 = 4, se = sqrt(4 / 3)
    assert (found["n"], found["mean"]) == (3, 82.0)
    assert found["se"] == pytest.approx(math.sqrt(4 / 3), rel=1e-12)
    values = [79.9, 79.3, 82.1, 80.4, 81.0]
    assert summary(*values)["se"] == pytest.approx(statistics.stdev(values) / math.sqrt(5), rel=1e-12)


def test_each_group_has_a_mean_of_its_own() -> None:
    found = summarize(pd.Series([1.0, 10.0, 3.0]), ["a", "b", "a"])
    assert found["mean"].to_dict() == {"a": 2.0, "b": 10.0}
    assert found["n"].to_dict() == {"a": 2, "b": 1}


def test_what_is_not_a_number_is_no_value() -> None:
    assert summary(None, math.nan, 80.0, math.inf, 82.0).to_list() == [81.0, pytest.approx(1.0), 2]
    one = summary(80.0)
    assert (one["n"], one["mean"], math.isnan(one["se"])) == (1, 80.0, True)
    assert summary(None)["n"] == 0
    assert texts(table((math.nan, math.nan, 0))) == [""]


def test_the_binomial_error_of_a_thousand_images_is_about_a_point() -> None:
    assert binomial_se(50, 100) == pytest.approx(5.0)  # 100 sqrt(0.25 / 100)
    assert binomial_se(80, 1000) == pytest.approx(100 * math.sqrt(0.8 * 0.2 / 1000), rel=1e-12)
    with pytest.raises(ValueError, match="0 to 100"):
        binomial_se(101, 1000)


def test_differences_are_counted_in_errors_of_the_difference() -> None:
    def gaps(first: tuple[float, float], *others: tuple[float, float]) -> list[float]:
        return in_errors(
            dict(zip(("mean", "se"), first, strict=True)), table(*((*other, 3) for other in others))
        ).to_list()

    found = gaps((90, 3), (80, 4), (95, 4), (90, 4), (80, math.nan))
    assert found == pytest.approx([2.0, -1.0, 0.0, math.nan], nan_ok=True)  # 10 / sqrt(9 + 16)
    assert gaps((80, 3), (80, math.nan)) == pytest.approx([math.nan], nan_ok=True)
    assert gaps((90, 0), (80, 0), (90, 0)) == [math.inf, 0]


@pytest.mark.parametrize(("n", "t"), [(2, 4.303), (3, 2.776), (5, 2.306), (11, 2.086)])
def test_chance_is_that_of_students_table(n: int, t: float) -> None:
    """Two-sided 5 % points of 2n - 2 degrees of freedom; half a unit of t's last digit moves the chance by 3e-5."""
    assert by_chance(n, t) == pytest.approx(0.05, abs=3e-5)
    with pytest.raises(ValueError, match="at least 2"):
        by_chance(1)


def test_a_column_has_as_many_decimals_as_its_errors_carry() -> None:
    assert decimals(table((82.1, 0.4, 3), (82.1, 0.04, 3), (80, 0.5, 3))) == 2
    assert decimals(table((1900, 31.0, 3))) == 0
    assert decimals(table((2.5, math.nan, 1))) == 3
    assert texts(table((82.123, 0.456, 3))) == ["82.12 ± 0.46"]
