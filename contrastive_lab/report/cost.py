"""A metric against what its runs cost."""

import textwrap
from itertools import cycle
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from contrastive_lab.report.draw import MARKERS, new_figure
from contrastive_lab.report.facts import one_seed_error
from contrastive_lab.report.grid import Grid, Setting
from contrastive_lab.report.labels import label, pair
from contrastive_lab.report.style import error_note, x_colours


def costs(grid: Grid) -> list[str]:
    """The costs that finished runs know of."""
    known = ("seconds", "images_per_second")
    return [cost for cost in known if any(run.number(cost) is not None for run in grid.sweep.done)]


def against_cost(grid: Grid) -> Figure:
    """The y metric against the time of a run and against its speed: colour by x, marker by line."""
    names, colours = costs(grid), x_colours(grid)
    figure = new_figure(2 + 4 * len(names), 4.4)
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axes, cost in zip(panels, names, strict=True):
        for line, marker in zip(grid.lines, cycle(MARKERS), strict=False):
            for setting in line.settings:
                _point(axes, grid, setting, cost, {"color": colours[setting.place(grid.x)], "marker": marker})
        axes.set_xlabel(label(cost))
        axes.grid(alpha=0.3)
    panels[0].set_ylabel(label(grid.y))
    panels[0].set_title(error_note(grid, grid.y).replace("bands", "bars"), fontsize=9, loc="left")
    handles = _legend(grid, colours)
    figure.set_figheight(max(4.4, 0.5 + 0.17 * sum(str(handle.get_label()).count("\n") + 1.4 for handle in handles)))
    figure.legend(handles=handles, loc="outside right upper", fontsize=9)
    return figure


def _point(axes: Axes, grid: Grid, setting: Setting, cost: str, look: dict[str, Any]) -> None:
    spent, reached = setting.summary(cost), setting.summary(grid.y)
    if spent.n and reached.n:
        error = one_seed_error(setting, grid.y) if reached.se is None else reached.se
        axes.errorbar(spent.mean, reached.mean, error, spent.se, **look, linestyle="", elinewidth=1, alpha=0.85)


def _legend(grid: Grid, colours: dict[str, Any]) -> list[Artist]:
    """Patches for the values of x, markers for the lines."""
    values = {setting.place(grid.x): setting.position(grid.x) for setting in grid.settings}
    patches = [Patch(color=colours[at], label=pair(grid.x, values[at])) for at in colours if at in values]
    named = [(grid.name(line), marker) for line, marker in zip(grid.lines, cycle(MARKERS), strict=False)]
    marks = [
        Line2D([], [], color="0.3", marker=marker, linestyle="", label=textwrap.fill(name, 40))
        for name, marker in named
        if name
    ]
    return [*patches, *marks]
