"""The program `theory=cost`: a table fitted again, sweeps that were not fitted, and bad lines."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from contrastive_lab.errors import ConfigError
from tests.cost_rows import POINTS, made_up
from tests.theory_programs import with_settings

cost = with_settings("cost")


def stored(rows: pd.DataFrame, folder: Path) -> str:
    rows.to_csv(folder / "table.csv", index=False)
    return str(folder / "table.csv")


def rms(values: pd.Series) -> float:
    return float(np.sqrt((values**2).mean()))


def test_a_stored_table_is_fitted_again(tmp_path: Path) -> None:
    result = cost(table=stored(made_up(), tmp_path))
    assert {name: result.summary[f"points_{name}"] for name in POINTS} == pytest.approx(POINTS)
    assert result.summary["points_noise_low"] == pytest.approx(result.summary["points_noise_high"])
    assert result.summary["left_out_error_by_causes"] == pytest.approx(0, abs=1e-9)
    assert result.summary["left_out_error_by_log_K"] > 0.5
    assert (result.summary["seeds"], len(result.table), result.summary["settings"]["tau"]) == (3, 24, [0.1])
    assert result.summary["seeds_of_intervals"] == 3
    more = result.summary["left_out_error_more_by_causes"]
    assert more == pytest.approx(-result.summary["left_out_error_by_log_K"])  # that by causes is 0
    assert [row["by_causes"] for row in result.table] == pytest.approx([row["cost"] for row in result.table])
    assert [*result.further] == ["split"]
    assert [(row["arm"], row["K"], row["n"]) for row in result.shown] == [
        (arm, K, 3) for arm in "abcd" for K in (1, 16)
    ]


def test_a_sweep_that_was_not_fitted_is_predicted_by_those_that_were(tmp_path: Path) -> None:
    rows, others = made_up(), made_up(1).assign(arm=lambda rows: "other " + rows["arm"], sweep="t", fitted=False)
    others["cost"] += 0.5
    others["dataset"] = "other"
    named = others.assign(arm=others["arm"].str.removeprefix("other "), sweep="t")
    same = cost(table=stored(pd.concat([rows, named]), tmp_path))
    assert {row["arm"] for row in same.shown} == {*"abcd"} | {f"{arm}, t" for arm in "abcd"}
    assert {row["arm"] for row in same.table} == {*"abcd"}  # so that the table can be read again
    assert same.summary["tests_error_by_causes"] == pytest.approx(0.5)
    more = same.summary["tests_error_by_causes"] - same.summary["tests_error_by_log_K"]
    assert same.summary["tests_error_more_by_causes"] == pytest.approx(more)
    assert same.summary["tests_error_more_by_causes_low"] is None  # of one seed
    assert same.summary["tests_error_by_nothing"] == pytest.approx(rms(others["cost"]))
    each_K = named["K"].map(rows.groupby("K")["cost"].mean())
    assert same.summary["tests_error_by_each_K"] == pytest.approx(rms(named["cost"] - each_K))
    assert same.summary["tests_error_by_same_setting"] == pytest.approx(0.5)
    odd = rows.assign(cost=lambda rows: rows["cost"] + (rows["K"] == 16))  # which no cause says
    summary = cost(table=stored(pd.concat([odd, named]), tmp_path)).summary
    assert summary["tests_error_by_same_setting"] == pytest.approx(0.5)
    assert summary["tests_error_by_causes"] != pytest.approx(0.5)
    result = cost(table=stored(pd.concat([rows, others]), tmp_path))
    assert result.summary["points_factor"] == pytest.approx(POINTS["factor"])
    assert result.summary["tests_error_by_causes"] == pytest.approx(0.5)
    assert "tests_error_by_same_setting" not in result.summary  # none of these arms was fitted
    assert result.summary["settings"]["dataset"] == ["arrays"]  # what it was tested on is not what it is of
    assert {row["arm"] for row in result.table if row["arm"].startswith("other")} == {f"other {arm}" for arm in "abcd"}


def test_a_sweep_is_predicted_by_a_stored_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = made_up(1).drop(columns="fitted").assign(sweep="t", cost=lambda rows: rows["cost"] + 0.5)
    monkeypatch.setattr("contrastive_lab.analysis.cost.cost_rows", lambda folder, *_: others.to_dict("records"))
    told: dict[str, Any] = {"table": stored(made_up().assign(collisions=1.0), tmp_path), "tests": [str(tmp_path / "t")]}
    result = cost(**told)
    assert result.summary["tests_error_by_causes"] == pytest.approx(0.5)
    result.write(tmp_path)
    again = cost(table=str(tmp_path / "table.csv"))
    assert again.summary["tests_error_by_causes"] == pytest.approx(0.5)
    assert [row["arm"] for row in again.shown] == [row["arm"] for row in result.shown]
    with pytest.raises(ConfigError, match=r"theory\.tests: t is among what the curve is fitted to or"):
        cost(table=str(tmp_path / "table.csv"), tests=[str(tmp_path / "t")])
    assert [row["collisions"] for row in again.table] == pytest.approx([*[1.0] * 24, *[math.nan] * 8], nan_ok=True)


def test_runs_with_more_sets_are_fitted_and_count_in_no_error_as_log_K_knows_none(tmp_path: Path) -> None:
    more = made_up().assign(sets=255, cost=lambda rows: rows["cost"] - 2 * rows["noise"], noise=0.0)
    alone, both = (cost(table=stored(rows, tmp_path)) for rows in (made_up(), pd.concat([made_up(), more])))
    assert both.summary["points_noise"] == pytest.approx(2)
    assert both.summary["left_out_error_by_log_K"] == alone.summary["left_out_error_by_log_K"]
    assert len(both.figure.axes) == 2


def test_the_points_have_the_range_that_all_arms_but_one_give(tmp_path: Path) -> None:
    rows = made_up()
    rows.loc[rows["arm"] == "a", "cost"] += 2 * rows["noise"]  # this arm alone costs more
    summary = cost(table=stored(rows, tmp_path)).summary
    least, most = (summary[f"points_noise_without_an_arm_{end}"] for end in ("min", "max"))
    assert least == pytest.approx(POINTS["noise"])  # without it
    parts = [rows[rows["arm"] != arm] for arm in "abcd"]
    found = [np.linalg.lstsq(part[[*POINTS]], part["cost"])[0] for part in parts]
    assert most == pytest.approx(max(points[2] for points in found))
    assert most > summary["points_noise"] > least


def test_one_seed_has_no_interval(tmp_path: Path) -> None:
    summary = cost(table=stored(made_up(1), tmp_path)).summary
    assert summary["points_factor_low"] is None
    assert math.isfinite(summary["points_factor"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, r"theory.sweeps=\[\]: needed, folders of sweeps to fit to, or"),
        ({"sweeps": ["a"], "table": "b"}, "theory.table=b: not with theory.sweeps, in whose place it is"),
        ({"table": "nothing.csv"}, "theory.table=nothing.csv: no such file"),
        ({"sweeps": ["nothing"]}, "sweep=nothing: no such folder"),
        ({"sweeps": "outputs"}, "theory.sweeps=outputs: must be a list"),
    ],
)
def test_a_bad_setting_is_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        cost(**settings)


def test_another_table_is_refused_by_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no table of theory=cost that .* lacks competition, noise"):
        cost(table=stored(made_up().drop(columns=["competition", "noise"]), tmp_path))
