"""What an experiment says that it compares: one setting less another, seed by seed."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from contrastive_lab.errors import ConfigError
from contrastive_lab.record.sweep import order
from contrastive_lab.report.grid import Grid
from contrastive_lab.report.labels import is_accuracy, title, unit
from contrastive_lab.report.paired import Difference, Side, compared, values
from contrastive_lab.report.plot import COLOURS, headed, new_figure


def planned(grid: Grid) -> list[Difference]:
    """The experiment's `comparisons`, each with its `name`, a `setting`, and the one that is taken from it, `less`.

    A setting is the values of some keys, the arm among them; `at` of a difference is the name. What fewer than two
    seeds have is left out; Holm's correction is over what is left.
    """
    entries = grid.sweep.experiment.get("comparisons") or []
    sides = [(e["name"], *(_side(grid, e["name"], e[side]) for side in ("setting", "less"))) for e in entries]
    return compared(grid, grid.y, [(name, ours, theirs, name) for name, ours, theirs in sides])


def _side(grid: Grid, name: str, setting: dict[str, Any]) -> Side:
    """The finished runs that were told some values, by seed."""
    told = grid.sweep.asked.loc[grid.samples.index]
    if unknown := [key for key in setting if key not in told]:
        raise ConfigError(f"comparisons, {name}: no run of the sweep was told {', '.join(unknown)}")
    same = np.logical_and.reduce([told[key].map(order) == order(value) for key, value in setting.items()])
    runs = grid.samples[same].drop_duplicates("sample", keep="last")
    own = pd.DataFrame({"value": values(grid, grid.y)[runs.index], "run": runs.index}).set_index(runs["sample"])
    return Side(own[["value"]].set_axis([name], axis=1), own[["run"]].set_axis([name], axis=1))


def planned_figure(grid: Grid, found: list[Difference]) -> Figure:
    """A point with its 95 % t interval for each comparison, on a band of the margin."""
    figure = new_figure(8, 1.3 + 0.32 * len(found))
    axes, rows = figure.subplots(), np.arange(len(found))
    shown = pd.DataFrame([each.estimate for each in found])
    axes.axvspan(-grid.margin, grid.margin, color="0.93")
    axes.axvline(0, color="0.5", linewidth=0.8)
    reach = np.stack([shown["mean"] - shown["low"], shown["high"] - shown["mean"]])
    axes.errorbar(shown["mean"], rows, xerr=reach, linestyle="", marker="o", color=COLOURS[0], capsize=3, elinewidth=1)
    axes.set_yticks(rows, [str(each.at) for each in found])
    axes.set_ylim(len(found) - 0.5, -0.5)
    n = " to ".join(dict.fromkeys(str(n) for n in (shown["n"].min(), shown["n"].max())))
    note = f"bars: 95 % t interval of the difference seed by seed, n = {n}"
    axes.set_title(headed(grid, note), fontsize=9, loc="left")
    points = "points" if is_accuracy(grid.y) else unit(grid.y)
    axes.set_xlabel(f"difference of {title(grid.y)}, {points}; grey: the margin of {grid.margin:g}")
    axes.grid(axis="x", alpha=0.3)
    return figure
