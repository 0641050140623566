"""Columns of metrics.csv during training: the mean over the seeds of each setting."""

import math
import textwrap
from collections.abc import Iterable
from functools import lru_cache, reduce
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from contrastive_lab.report.grid import Grid
from contrastive_lab.report.labels import label, pair, wrapped
from contrastive_lab.report.plot import NOTE, apart, band_note, headed, legend_outside, new_figure, styles, x_colours
from contrastive_lab.report.stats import interval

MOST = 400  # points of a curve


def columns(grid: Grid) -> list[str]:
    """What to plot: the MI estimate, the gradient norm and the experiment's own curves, so far as runs logged them."""
    wanted = dict.fromkeys(["mi_estimate", "gradient_norm", *(grid.sweep.experiment.get("curves") or [])])
    return [name for name in wanted if any(len(found) for found in means(grid, name).values())]


def mean_of(grid: Grid, column: str) -> str:
    """What a curve is the mean of."""
    if not apart(grid):
        return (
            f"{len(grid.lines)} lines are too many for a panel each: a curve is the mean over all finished runs of one "
            f"{grid.x}, whatever else is set, at the steps that all of them logged, without a band. A smaller "
            "folder has a panel for each line."
        )
    if max(found["n"].max() for found in means(grid, column).values() if len(found)) < 2:
        return "The one seed of each setting, so without a band."
    return "Mean over the seeds of a setting, with a band of the 95 % t interval."


@lru_cache(maxsize=8)  # of the last grid, for a figure and the csv beside it
def means(grid: Grid, column: str) -> dict[Any, pd.DataFrame]:
    """The `mean_curve` of each setting, by its number; with more than 12 lines of all settings of each x, by its key.

    The spread of settings is no error, so those have no interval. Where nothing was logged it is empty.
    """
    if apart(grid):
        return {setting: mean_curve(grid, [setting], column) for setting in grid.settings.index}
    own = dict[Any, list[int]]()
    for setting, at in zip(grid.settings.index, grid.settings["at"], strict=True):
        own.setdefault(at, []).append(int(setting))
    return {at: mean_curve(grid, own[at], column).assign(low=math.nan, high=math.nan) for at in sorted(own)}


def mean_curve(grid: Grid, settings: Iterable[int], column: str) -> pd.DataFrame:
    """Mean, 95 % interval and n by optimizer step, at the steps that all finished runs of some settings logged.

    Where no run has finished, those that have begun count.
    """
    numbers = [*settings]
    done, begun = (runs.index[runs.isin(numbers)] for runs in (grid.samples["setting"], grid.setting))
    runs = [grid.sweep.metrics[run] for run in (done if len(done) else begun)]
    logged = [run.column(column) for run in runs if column in run.last]
    steps = [each.index.to_numpy() for each in logged]
    common = reduce(np.intersect1d, steps) if steps else np.array([], int)
    rows = [each.to_numpy()[np.searchsorted(own, common)] for each, own in zip(logged, steps, strict=True)]
    values = pd.DataFrame(np.reshape(rows, (len(rows), len(common))).T, pd.Index(common, name="step"))
    return interval(values.mean(axis=1), values.sem(axis=1), values.count(axis=1))


def during_training(grid: Grid, column: str) -> Figure:
    """A column over the optimizer steps: a panel for each line that logged it, colour by x.

    There is one panel where x does not vary, and where there are more than 12 lines.
    """
    if not apart(grid):
        return _crowded(grid, column)
    if all(len(line) == 1 for line in grid.lines):
        return _one_panel(grid, column)
    found = means(grid, column)
    lines = [line for line in grid.lines if any(len(found[setting]) for setting in line.index)]
    wide = min(3, len(lines))
    tall = -(-len(lines) // wide)
    figure = new_figure(4.2 * wide + 0.6, 3.9 * tall + 0.5)
    panels = list(figure.subplots(tall, wide, sharey=True, squeeze=False).flat)
    colours, handles = x_colours(grid), {}
    for axes, line in zip(panels, lines, strict=False):
        for setting, at, x in zip(line.index, line["at"], line["position"], strict=True):
            if len(found[setting]):
                handles[at] = _curve(axes, found[setting], color=colours[at], label=pair(grid.x, x))
        _finish(axes, column, grid.name(line))
    for axes in panels[len(lines) :]:
        axes.set_visible(False)
    for axes in panels[: len(lines)][-wide:]:  # those above a panel that is not there, too
        axes.tick_params(labelbottom=True)
        axes.set_xlabel("optimizer step")
    legend_outside(figure, [handles[at] for at in colours if at in handles])
    _note(grid, figure, found)
    return figure


def _crowded(grid: Grid, column: str) -> Figure:
    figure = new_figure(7.5, 4.4)
    axes, colours, counts = figure.subplots(), x_colours(grid), set[int]()
    xs, handles = dict(zip(grid.settings["at"], grid.settings["position"], strict=True)), []
    for at, found in means(grid, column).items():
        if len(found):
            handles.append(_curve(axes, found, color=colours[at], label=pair(grid.x, xs[at])))
            counts |= {*found["n"]}
    _finish(axes, column, "")
    legend_outside(figure, handles)
    runs = " to ".join(dict.fromkeys(str(n) for n in (min(counts, default=0), max(counts, default=0))))
    text = f"means over the {runs} finished runs of each {grid.x} in {len(grid.lines)} lines, no band"
    figure.suptitle(headed(grid, textwrap.fill(text, NOTE)), fontsize=9, x=0.01, ha="left")
    return figure


def _one_panel(grid: Grid, column: str) -> Figure:
    figure = new_figure(7.5, 4.4)
    axes, handles, curves = figure.subplots(), [], means(grid, column)
    for line, style in zip(grid.lines, styles(grid), strict=True):
        if len(found := curves[line.index[0]]):
            look = {name: style[name] for name in ("color", "linestyle")}
            handles.append(_curve(axes, found, label=grid.name(line), **look))
    _finish(axes, column, "")
    legend_outside(figure, [handle for handle in handles if handle.get_label()])
    _note(grid, figure, curves)
    return figure


def _note(grid: Grid, figure: Figure, curves: dict[Any, pd.DataFrame]) -> None:
    counts = {n for found in curves.values() for n in found["n"]}
    figure.suptitle(headed(grid, band_note(counts)), fontsize=9, x=0.01, ha="left")


def _curve(axes: Axes, found: pd.DataFrame, color: Any, **look: Any) -> Line2D:
    """The mean over seeds with a band of the 95 % t interval."""
    found = found[:: -(-len(found) // MOST)]
    (curve,) = axes.plot(found["mean"], linewidth=1.4, marker="" if len(found) > 1 else "o", color=color, **look)
    if found["low"].notna().any():
        axes.fill_between(found.index, found["low"], found["high"], color=color, alpha=0.2, linewidth=0)
    return curve


def _finish(axes: Axes, column: str, title: str) -> None:
    axes.set(xlabel="optimizer step", ylabel=label(column))
    axes.set_title(wrapped(title, 45), fontsize=10, loc="left")
    axes.grid(alpha=0.3)
    axes.label_outer()
