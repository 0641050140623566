"""What few negatives cost, split by cause, and whether the causes predict it; see docs/theory.md."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from contrastive_lab.analysis import curve
from contrastive_lab.analysis.collisions import with_collisions
from contrastive_lab.analysis.cost_figure import predicted_against_seen, split
from contrastive_lab.analysis.cost_of_runs import cost_rows
from contrastive_lab.analysis.curve import CAUSES, SETTING, SETTINGS, by_causes, by_log_K, coefficients, error
from contrastive_lab.analysis.result import AnalysisResult, Row, checked
from contrastive_lab.config.theory import Cost
from contrastive_lab.errors import ConfigError
from contrastive_lab.record.tables import read_table

# Columns that a stored table needs.
READ = ["sweep", *SETTING, *SETTINGS, "seed", "of", "cost", *CAUSES, "dispersion", "fitted"]


def run(**values: Any) -> AnalysisResult:
    """Fit points of accuracy for each cause to the runs of sweeps, and predict arms and sweeps that were not fitted.

    Args:
        values: as `Cost` describes them.

    Returns:
        A row for each run with fewer negatives than the most of its arm and seed, as `analysis.curve` has it;
        `fitted` says of which part it is. `by_causes` and `by_log_K` are its predicted costs, of a row that is fitted
        by the other arms; `by_same_setting` is the mean cost of a test's arm, K and sets where they were fitted.
        `collisions` is part of no fit: with `theory.collisions` it is what they cost, measured by leaving them out. The
        points of a cause have an interval over the seeds that have all settings, and the least and the greatest that
        all arms but one give. Log K is fitted to the runs with one set, as it says nothing of sets; so are all errors.
        Beside them stand three without a fit, where they say something of all settings: that nothing is lost, that each
        K costs what it costs the other arms of the fit on average, `by_each_K`, and `by_same_setting`.
        `left_out_error_more_by_causes` and `tests_error_more_by_causes` are by how much that by causes is larger than
        that by log K, with intervals.

    Raises:
        ConfigError: names a setting that is out of range.
        ValueError: where there are no runs to fit to.
    """
    s = checked(Cost, values)
    rows = _rows(s)
    known = rows[rows["fitted"]]
    found, points = curve.fit(known), curve.over_seeds_left_out(known, lambda some: coefficients(some, by_causes))
    rows = _predicted(rows)
    seeds = {"seeds": int(known["seed"].nunique()), "seeds_of_intervals": len(curve.whole_seeds(known))}
    summary: dict[str, Any] = {"metric": s.metric, **seeds, "settings": found.settings}
    for name, mean, *ends in zip(CAUSES, points.mean, points.low, points.high, strict=True):
        summary |= _number(f"points_{name}", mean, *ends)
    for name, of in zip(CAUSES, zip(*curve.without_each_arm(known, by_causes).values(), strict=True), strict=True):
        summary |= {f"points_{name}_without_an_arm_{end.__name__}": float(end(of)) for end in (min, max)}
    summary |= {f"reach_{name}": reach for name, reach in found.reach.items()} | _errors(rows)
    split_by_cause = split(rows, points)
    figure, further = predicted_against_seen(rows), {"split": split_by_cause}
    return AnalysisResult(_records(_with_own_names(rows)), figure, summary, further, _records(_by_setting(rows)))


def _records(rows: pd.DataFrame) -> list[Row]:
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def _with_own_names(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with the arms of tests as their sweeps name them, for a table that can be read again."""
    names = zip(rows["arm"], rows["sweep"], rows["fitted"], strict=True)
    return rows.assign(arm=[arm if fitted else arm.removesuffix(f", {sweep}") for arm, sweep, fitted in names])


def _by_setting(rows: pd.DataFrame) -> pd.DataFrame:
    """A row for each arm, K and sets, the mean of its cost over seeds with its 95 % t interval, and its predictions."""
    shown = curve.over_seeds(rows)
    shown["n"] = rows.groupby(SETTING, sort=False)["seed"].nunique().to_numpy()
    shown = shown[[*SETTING, "n", "cost", "low", "high", "by_causes", "by_log_K"]]
    return shown.astype(object).where(shown.notna(), None)


def _rows(s: Cost) -> pd.DataFrame:
    """The rows that the settings ask for."""
    if not s.sweeps and s.table is None:
        raise ConfigError("theory.sweeps=[]: needed, folders of sweeps to fit to, or theory.table=<csv>")
    if s.sweeps and s.table is not None:
        raise ConfigError(f"theory.table={s.table}: not with theory.sweeps, in whose place it is")
    if s.collisions is None and s.collisions_of is not None:
        raise ConfigError(f"theory.collisions_of={s.collisions_of}: needs theory.collisions=<sweep>")
    known = [_measured(s, s.sweeps, fitted=True)] if s.table is None else [_read(Path(s.table))]
    tests = [_measured(s, s.tests, fitted=False)] if s.tests else []
    if again := sorted({*known[0]["sweep"]} & {sweep for rows in tests for sweep in rows["sweep"]}):
        raise ConfigError(f"theory.tests: {again[0]} is among what the curve is fitted to or tested on already")
    rows = pd.concat([*known, *tests], ignore_index=True)
    before = rows[rows["fitted"]].groupby(SETTING)["cost"].mean()
    same = before.reindex(pd.MultiIndex.from_frame(rows[SETTING])).to_numpy()
    rows["by_same_setting"] = np.where(rows["fitted"], math.nan, same)
    alike = rows["arm"].isin(rows["arm"][rows["fitted"]]) & ~rows["fitted"]  # under the name of an arm that is fitted
    rows["arm"] = rows["arm"].where(~alike, rows["arm"] + ", " + rows["sweep"])
    return rows if s.collisions is None else with_collisions(rows, s.collisions_of, Path(s.collisions), s.metric)


def _number(name: str, mean: float, low: float, high: float) -> dict[str, float | None]:
    ends = {f"{name}_{end}": None if pd.isna(at) else float(at) for end, at in (("low", low), ("high", high))}
    return {name: float(mean), **ends}


def _errors(rows: pd.DataFrame) -> dict[str, float | None]:
    """The errors by causes and by log K, of arms that were left out and of tests, and how much more the first is."""
    found: dict[str, float | None] = {}
    for fitted, part in rows[rows["sets"] == 1].groupby("fitted"):
        kind = "left_out" if fitted else "tests"
        found |= dict(zip((f"{kind}_error_by_causes", f"{kind}_error_by_log_K"), _both(part), strict=True))
        found |= _without_a_fit(part, kind)
        if fitted:
            more = curve.over_seeds_left_out(rows[rows["fitted"]], lambda some: -np.diff(curve.errors(some)))
        else:
            more = curve.over_seeds_left_out(part, lambda some: -np.diff(_both(some)))
        found |= _number(f"{kind}_error_more_by_causes", *(float(each[0]) for each in more[:3]))
    return found


def _without_a_fit(rows: pd.DataFrame, kind: str) -> dict[str, float | None]:
    """The errors of what is said without causes or a slope, where it is said of all settings."""
    said = {"nothing": rows["cost"] * 0, "each_K": rows["by_each_K"], "same_setting": rows["by_same_setting"]}
    return {f"{kind}_error_by_{name}": error(rows, each) for name, each in said.items() if each.notna().all()}


def _both(rows: pd.DataFrame) -> curve.Matrix:
    """The errors of what was predicted, by causes and by log K."""
    return np.array([error(rows, rows[name]) for name in ("by_causes", "by_log_K")])


def _measured(s: Cost, sweeps: Sequence[str], fitted: bool) -> pd.DataFrame:
    try:
        rows = [row for folder in sweeps for row in cost_rows(Path(folder), s.metric, s.data_dir, s.seed)]
    except ValueError as error:
        raise ValueError(f"theory.{'sweeps' if fitted else 'tests'}: {error}") from None
    return pd.DataFrame(rows).assign(fitted=fitted)


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise ConfigError(f"theory.table={path}: no such file")
    names, rows = read_table(path)
    if missing := [name for name in READ if name not in names]:
        lacks = ", ".join(missing)
        raise ConfigError(f"theory.table={path}: no table of theory=cost that this version reads, it lacks {lacks}")
    return pd.DataFrame(rows, columns=names).infer_objects()


def _predicted(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with the cost that the causes and log K predict, by runs that they were not fitted to."""
    own = rows[rows["fitted"]]
    rows["by_each_K"] = curve.of_other_arms(rows, own)
    for name, by, known in (("by_causes", by_causes, own), ("by_log_K", by_log_K, own[own["sets"] == 1])):
        rows[name] = by(rows) @ coefficients(known, by)
        rows.loc[own.index, name] = curve.left_out(own, by, known)
    return rows
