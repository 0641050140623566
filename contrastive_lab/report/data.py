"""The numbers of each figure of a report, as tables that lie beside it as csv."""

import pandas as pd

from contrastive_lab.record.sweep import null_as_text
from contrastive_lab.report.curves import means
from contrastive_lab.report.figures import costs
from contrastive_lab.report.grid import Grid
from contrastive_lab.report.plot import apart
from contrastive_lab.report.references import references

SUMMARY = ["mean", "low", "high", "n"]


def against_x(grid: Grid, metric: str) -> pd.DataFrame:
    """A row for each setting: what varies, mean, 95 % interval and n; then the paper's points, by their `source`."""
    ours = _settings(grid).join(grid.summary(metric)[SUMMARY]).assign(source="here")
    rows = [
        {grid.x: x, "mean": y, "source": f"{entry.get('label', 'paper')}, {entry.get('dataset', '')}"}
        for entry in references(grid, metric)
        for x, y in entry["points"]
    ]
    return pd.concat([ours[ours["n"] > 0].astype(object), pd.DataFrame(rows, dtype=object)])  # n stays whole


def during_training(grid: Grid, column: str) -> pd.DataFrame:
    """A row for each curve and logged optimizer step: what varies, step, mean, 95 % interval and n.

    A curve is that of a setting; with more than 12 lines it is that of an x, and nothing else is named.
    """
    keys, told = (grid.keys, _settings(grid)) if apart(grid) else ([grid.x], _settings(grid).drop_duplicates(grid.x))
    curves, parts = means(grid, column), []
    for setting in told.index:
        found = curves[setting if apart(grid) else grid.settings["at"][setting]].reset_index()
        parts.append(found.assign(**{key: told[key][setting] for key in keys}))
    return pd.concat(parts)[[*keys, "step", *SUMMARY]]


def against_cost(grid: Grid) -> pd.DataFrame:
    """A row for each setting: what varies; mean, 95 % interval and n of the y metric and of each cost."""
    found = [grid.summary(metric)[SUMMARY].add_prefix(f"{metric}_") for metric in (grid.y, *costs(grid))]
    return pd.concat([_settings(grid), *found], axis="columns")


def _settings(grid: Grid) -> pd.DataFrame:
    return null_as_text(grid.settings[grid.keys])
