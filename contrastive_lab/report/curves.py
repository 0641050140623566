"""Columns of metrics.csv during training: the mean over the seeds of each setting."""

import math
import textwrap
from collections.abc import Iterable
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from contrastive_lab.report.grid import Grid
from contrastive_lab.report.labels import label, pair
from contrastive_lab.report.plot import NOTE, band_note, banded, new_figure, styles, x_colours
from contrastive_lab.report.stats import interval

MOST = 400  # points of a curve


def columns(grid: Grid) -> list[str]:
    """What to plot: the MI estimate, the gradient norm and the experiment's own curves, so far as runs logged them."""
    wanted = dict.fromkeys(["mi_estimate", "gradient_norm", *(grid.sweep.experiment.get("curves") or [])])
    return [name for name in wanted if any(name in metrics for metrics in grid.sweep.metrics.values())]


def mean_of(grid: Grid) -> str:
    """What a curve is the mean of."""
    if banded(grid):
        return "Mean over the seeds of a setting, with a band of the 95 % t interval."
    return (
        f"{len(grid.lines)} lines are too many for a panel each: a curve is the mean over all finished runs of one "
        f"{grid.x}, whatever else is set, at the steps that all of them logged, without a band. A smaller "
        "folder has a panel for each line."
    )


def mean_curve(grid: Grid, settings: Iterable[int], column: str) -> pd.DataFrame:
    """Mean, 95 % interval and n by optimizer step, at the steps that all finished runs of some settings logged.

    Where no run has finished, those that have begun count.
    """
    own = [*settings]
    done, begun = (runs.index[runs.isin(own)] for runs in (grid.samples["setting"], grid.setting))
    runs = done if len(done) else begun
    logged = [metrics[column].dropna() for run in runs if column in (metrics := grid.sweep.metrics[run])]
    if not logged:
        return pd.DataFrame()
    values = pd.concat(logged, axis="columns", join="inner").sort_index()
    return interval(values.mean(axis=1), values.sem(axis=1), values.count(axis=1))


def curve_of_x(grid: Grid, at: Any, column: str) -> pd.DataFrame:
    """The same of all settings of one x, by its key; their spread is no error, so there is no interval."""
    found = mean_curve(grid, grid.settings.index[grid.settings["at"] == at], column)
    return found.assign(low=math.nan, high=math.nan) if len(found) else found


def during_training(grid: Grid, column: str) -> Figure:
    """A column over the optimizer steps: a panel for each line, colour by x.

    There is one panel where x does not vary, and where there are more than 12 lines.
    """
    if not banded(grid):
        return _crowded(grid, column)
    if all(len(line) == 1 for line in grid.lines):
        return _one_panel(grid, column)
    wide = min(3, len(grid.lines))
    tall = -(-len(grid.lines) // wide)
    figure = new_figure(4.2 * wide + 0.6, 3.9 * tall + 0.9)
    panels = list(figure.subplots(tall, wide, sharey=True, squeeze=False).flat)
    colours, handles, counts = x_colours(grid), {}, set[int]()
    for axes, line in zip(panels, grid.lines, strict=False):
        for setting, at, x in zip(line.index, line["at"], line["position"], strict=True):
            found = mean_curve(grid, [setting], column)
            if not found.empty:
                handles[at] = _curve(axes, found, color=colours[at], label=pair(grid.x, x))
                counts |= {*found["n"]}
        _finish(axes, column, grid.name(line))
    for axes in panels[len(grid.lines) :]:
        axes.set_visible(False)
    for axes in panels[: len(grid.lines)][-wide:]:  # those above a panel that is not there, too
        axes.tick_params(labelbottom=True)
        axes.set_xlabel("optimizer step")
    figure.legend(handles=[handles[at] for at in colours if at in handles], loc="outside lower left", ncols=3)
    _note(figure, counts)
    return figure


def _crowded(grid: Grid, column: str) -> Figure:
    figure = new_figure(7.5, 4.4)
    axes, colours, counts = figure.subplots(), x_colours(grid), set[int]()
    for at, x in sorted(dict(zip(grid.settings["at"], grid.settings["position"], strict=True)).items()):
        found = curve_of_x(grid, at, column)
        if not found.empty:
            _curve(axes, found, color=colours[at], label=pair(grid.x, x))
            counts |= {*found["n"]}
    _finish(axes, column, "")
    axes.legend()
    runs = " to ".join(dict.fromkeys(str(n) for n in (min(counts, default=0), max(counts, default=0))))
    text = f"means over the {runs} finished runs of each {grid.x} in {len(grid.lines)} lines, no band"
    figure.suptitle(textwrap.fill(text, NOTE), fontsize=9, x=0.01, ha="left")
    return figure


def _one_panel(grid: Grid, column: str) -> Figure:
    figure = new_figure(7.5, 4.4)
    axes, counts = figure.subplots(), set[int]()
    for line, style in zip(grid.lines, styles(grid), strict=True):
        found = mean_curve(grid, line.index[:1], column)
        if not found.empty:
            _curve(axes, found, color=style["color"], linestyle=style["linestyle"], label=grid.name(line) or None)
            counts |= {*found["n"]}
    _finish(axes, column, "")
    if axes.get_legend_handles_labels()[1]:
        axes.legend()
    _note(figure, counts)
    return figure


def _note(figure: Figure, counts: Iterable[int]) -> None:
    figure.suptitle(band_note(counts), fontsize=9, x=0.01, ha="left")


def _curve(axes: Axes, found: pd.DataFrame, color: Any, **look: Any) -> Line2D:
    """The mean over seeds with a band of the 95 % t interval."""
    found = found[:: -(-len(found) // MOST)]
    (curve,) = axes.plot(found["mean"], linewidth=1.4, marker="" if len(found) > 1 else "o", color=color, **look)
    axes.fill_between(found.index, found["low"], found["high"], color=color, alpha=0.2, linewidth=0)
    return curve


def _finish(axes: Axes, column: str, title: str) -> None:
    axes.set(xlabel="optimizer step", ylabel=label(column))
    axes.set_title(textwrap.fill(title, 45), fontsize=10, loc="left")
    axes.grid(alpha=0.3)
    axes.label_outer()
