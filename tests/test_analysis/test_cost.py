"""The program `theory=cost`: a table fitted again, sweeps that were not fitted, and bad lines."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from contrastive_lab.errors import ConfigError
from tests.cost_rows import POINTS, made_up
from tests.sweep_folder import Told, write_sweep
from tests.theory_programs import with_settings

cost = with_settings("cost")


def stored(rows: pd.DataFrame, folder: Path) -> str:
    rows.to_csv(folder / "table.csv", index=False)
    return str(folder / "table.csv")


def test_a_stored_table_is_fitted_again(tmp_path: Path) -> None:
    result = cost(table=stored(made_up(), tmp_path))
    assert {name: result.summary[f"points_{name}"] for name in POINTS} == pytest.approx(POINTS)
    assert result.summary["points_noise_low"] == pytest.approx(result.summary["points_noise_high"])
    assert result.summary["left_out_error_by_causes"] == pytest.approx(0, abs=1e-9)
    assert result.summary["left_out_error_by_log_K"] > 0.5
    assert (result.summary["seeds"], len(result.table), result.summary["kinds"]) == (3, 24, ["images"])
    assert [row["by_causes"] for row in result.table] == pytest.approx([row["cost"] for row in result.table])
    assert [*result.further] == ["split"]


def test_a_sweep_that_was_not_fitted_is_predicted_by_those_that_were(tmp_path: Path) -> None:
    rows, others = made_up(), made_up(1).assign(arm=lambda rows: "other " + rows["arm"], fitted=False)
    others["cost"] += 0.5
    others["kind"] = "texts"
    result = cost(table=stored(pd.concat([rows, others]), tmp_path))
    assert result.summary["points_factor"] == pytest.approx(POINTS["factor"])
    assert result.summary["tests_error_by_causes"] == pytest.approx(0.5)
    assert result.summary["kinds"] == ["images"]  # what it was tested on is not what it is of
    assert {row["arm"] for row in result.table if row["arm"].startswith("other")} == {f"other {arm}" for arm in "abcd"}


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


def test_collisions_are_shown_beside_the_causes_and_fitted_to_nothing(tmp_path: Path) -> None:
    accuracy = {(None, 1): 50.0, (0, 1): 53.0, (None, 255): 60.0, (0, 255): 61.0}  # K = 1 costs 10, and 8 without them
    jobs: list[Told] = [
        ({"own_class_share": share, "K": K, "seed": seed}, {"linear_top1": top1 + seed * (K == 1 and share is None)})
        for (share, K), top1 in accuracy.items()
        for seed in (0, 1)
    ]
    told = {"collisions": str(write_sweep(tmp_path / "s", jobs)), "collisions_of": "b"}
    result, plain = (cost(table=stored(made_up(), tmp_path), **more) for more in (told, {}))
    found = {(row["arm"], row["K"], row["seed"]): row["collisions"] for row in result.table}
    assert {key: value for key, value in found.items() if not math.isnan(value)} == {("b", 1, 0): 2, ("b", 1, 1): 1}
    assert result.summary == plain.summary


@pytest.mark.parametrize(
    ("jobs", "of", "message"),
    [
        ([{"own_class_share": None, "K": 1}], "x", "collisions_of=x: must be the arm of these runs, one of a, b, c, d"),
        ([{"alpha": 4, "K": 1}], "a", "must be a sweep over own_class_share=null and 0, K and seeds"),
        ([{"own_class_share": 0, "K": 1, "tau": tau} for tau in (0.1, 0.2)], "a", "must have one run of each own"),
        ([{"own_class_share": 0, "K": K} for K in (1, 255)], "a", "has no K and seed of the runs of a"),
    ],
)  # fmt: skip
def test_a_sweep_that_does_not_tell_what_collisions_cost_is_named(
    jobs: list[dict[str, Any]], of: str, message: str, tmp_path: Path
) -> None:
    folder = write_sweep(tmp_path / "s", [({**job, "seed": 0}, {"linear_top1": 50.0}) for job in jobs])
    with pytest.raises(ConfigError, match=message):
        cost(table=stored(made_up(), tmp_path), collisions=str(folder), collisions_of=of)


def test_one_seed_has_no_interval(tmp_path: Path) -> None:
    summary = cost(table=stored(made_up(1), tmp_path)).summary
    assert summary["points_factor_low"] is None
    assert math.isfinite(summary["points_factor"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, r"theory.sweeps=\[\]: needed, folders of sweeps to fit to, or theory.table"),
        ({"sweeps": ["a"], "table": "b"}, "theory.sweeps"),
        ({"table": "nothing.csv"}, "theory.table=nothing.csv: no such file"),
        ({"sweeps": ["nothing"]}, "sweep=nothing: no such folder"),
        ({"sweeps": "outputs"}, "theory.sweeps=outputs: must be a list"),
    ],
)
def test_a_bad_setting_is_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        cost(**settings)


def test_another_table_is_refused_by_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no table of theory=cost, it lacks competition, noise"):
        cost(table=stored(made_up().drop(columns=["competition", "noise"]), tmp_path))
