"""Columns of metrics.csv during training: the mean over the seeds of each setting."""

import textwrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from contrastive_lab.record.sweep import Run
from contrastive_lab.report.draw import new_figure
from contrastive_lab.report.grid import Grid, Setting
from contrastive_lab.report.labels import label, pair
from contrastive_lab.report.stats import Summary, summarize
from contrastive_lab.report.style import styles, x_colours

MOST = 400  # points of a drawn curve
MOST_LINES = 12  # of a figure, each a panel here


def columns(grid: Grid) -> list[str]:
    """What to draw: the MI estimate, the gradient norm and the experiment's own curves, so far as runs logged them.

    Nothing where there are too many lines to tell apart; x= and hue= do not make them fewer, a smaller folder does.
    """
    if len(grid.lines) > MOST_LINES:
        return []
    wanted = dict.fromkeys(["mi_estimate", "gradient_norm", *(grid.sweep.experiment.get("curves") or [])])
    return [column for column in wanted if any(column in run.metrics for run in grid.sweep.runs)]


def mean_curve(setting: Setting, column: str) -> dict[int, Summary]:
    """Mean and standard error by optimizer step, at the steps that all its finished runs logged.

    Where no run has finished, those that have begun take their place.
    """
    runs: list[Run] = [run for run in setting.done or setting.runs if column in run.metrics]
    steps = set.intersection(*(set(run.metrics[column]) for run in runs)) if runs else set()
    return {step: summarize(run.metrics[column][step] for run in runs) for step in sorted(steps)}


def during_training(grid: Grid, column: str) -> Figure:
    """A column over the optimizer steps: a panel for each line, colour by x; one panel where x does not vary."""
    if all(len(line.settings) == 1 for line in grid.lines):
        return _one_panel(grid, column)
    wide = min(3, len(grid.lines))
    tall = -(-len(grid.lines) // wide)
    figure = new_figure(4.2 * wide + 2.3, 3.9 * tall)
    panels = list(figure.subplots(tall, wide, sharey=True, squeeze=False).flat)
    colours, handles = x_colours(grid), {}
    for axes, line in zip(panels, grid.lines, strict=False):
        for setting in line.settings:
            at, x = setting.place(grid.x), setting.position(grid.x)
            if drawn := _curve(axes, setting, column, {"color": colours[at], "label": pair(grid.x, x)}):
                handles[at] = drawn
        _finish(axes, column, grid.name(line))
    for axes in panels[len(grid.lines) :]:
        axes.set_visible(False)
    figure.legend(handles=[handles[at] for at in colours if at in handles], loc="outside right upper")
    return figure


def _one_panel(grid: Grid, column: str) -> Figure:
    figure = new_figure(7.5, 4.4)
    axes = figure.subplots()
    for line, style in zip(grid.lines, styles(grid), strict=True):
        look = {"color": style["color"], "linestyle": style["linestyle"], "label": grid.name(line) or None}
        _curve(axes, line.settings[0], column, look)
    _finish(axes, column, "")
    if axes.get_legend_handles_labels()[1]:
        axes.legend()
    return figure


def _curve(axes: Axes, setting: Setting, column: str, look: dict[str, Any]) -> Line2D | None:
    """The mean over seeds with a band of one standard error."""
    found = list(mean_curve(setting, column).items())
    if not found:
        return None
    found = found[:: -(-len(found) // MOST)]
    steps = [step for step, _ in found]
    means = np.array([value.mean for _, value in found])
    errors = np.array([np.nan if value.se is None else value.se for _, value in found])
    (drawn,) = axes.plot(steps, means, linewidth=1.4, marker="" if len(steps) > 1 else "o", **look)
    axes.fill_between(steps, means - errors, means + errors, color=look["color"], alpha=0.2, linewidth=0)
    return drawn


def _finish(axes: Axes, column: str, title: str) -> None:
    axes.set(xlabel="optimizer step", ylabel=label(column))
    axes.set_title(textwrap.fill(title, 45), fontsize=10, loc="left")
    axes.grid(alpha=0.3)
    axes.label_outer()
