"""A metric against what its runs cost."""

import textwrap
from itertools import cycle, islice
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from contrastive_lab.report.grid import Grid, known
from contrastive_lab.report.labels import label, pair
from contrastive_lab.report.plot import MARKERS, error_note, new_figure, x_colours


def costs(grid: Grid) -> list[str]:
    """The costs that finished runs know of."""
    return known(grid.sweep.done, ("seconds", "images_per_second"))


def against_cost(grid: Grid) -> Figure:
    """The y metric against the time of a run and against its speed: colour by x, marker by line."""
    names, colours, markers = costs(grid), x_colours(grid), list(islice(cycle(MARKERS), len(grid.lines)))
    figure = new_figure(2 + 4 * len(names), 4.4)
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axes, cost in zip(panels, names, strict=True):
        found = grid.summary(grid.y).join(grid.summary(cost)[["mean", "se", "n"]].add_suffix("_cost"))
        for _, row in found[(found["n"] > 0) & (found["n_cost"] > 0)].iterrows():
            error = row["binomial"] if np.isnan(row["se"]) else row["se"]
            spread = [None if np.isnan(value) else value for value in (error, row["se_cost"])]
            look: dict[str, Any] = {"color": colours[row["at"]], "marker": markers[row["line"]], "linestyle": ""}
            axes.errorbar(row["mean_cost"], row["mean"], *spread, **look, elinewidth=1, alpha=0.85)
        axes.set_xlabel(label(cost))
        axes.grid(alpha=0.3)
    panels[0].set_ylabel(label(grid.y))
    panels[0].set_title(error_note(grid, grid.y).replace("bands", "bars"), fontsize=9, loc="left")
    handles = _legend(grid, colours, markers)
    figure.set_figheight(max(4.4, 0.5 + 0.17 * sum(str(handle.get_label()).count("\n") + 1.4 for handle in handles)))
    figure.legend(handles=handles, loc="outside right upper", fontsize=9)
    return figure


def _legend(grid: Grid, colours: dict[Any, Any], markers: list[str]) -> list[Artist]:
    """Patches for the values of x, markers for the lines."""
    values = dict(zip(grid.settings["at"], grid.settings["position"], strict=True))
    patches = [Patch(color=colours[at], label=pair(grid.x, values[at])) for at in colours if at in values]
    named = [(textwrap.fill(grid.name(line), 40), markers[i]) for i, line in enumerate(grid.lines)]
    return [*patches, *(Line2D([], [], color="0.3", marker=m, linestyle="", label=name) for name, m in named if name)]
