"""A metric against the x axis of a sweep, and against what its runs cost."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from contrastive_lab.report.grid import CLASSES, Grid, known
from contrastive_lab.report.labels import label, pair
from contrastive_lab.report.plot import (
    COLOURS,
    MARKERS,
    MOST_LINES,
    Scale,
    Style,
    apart,
    banded,
    error_note,
    headed,
    legend_below,
    legend_outside,
    new_figure,
    styles,
    x_colours,
)
from contrastive_lab.report.references import Reference, datasets, references, same_data
from contrastive_lab.theory.coupon.draws import coverage_probability

LEAST_SPAN = 2.0  # percentage points, of the paper's panel


def against_x(grid: Grid, metric: str) -> Figure:
    """A metric against x: a line for each hue, bands or bars of 95 % intervals, and the paper's numbers.

    Numbers of another data set get a panel of their own, since they lie at another height. Where x is K and the classes
    are known, a second axis shows the probability that K + 1 draws hold all of them; an experiment may say that its x
    is the number of draws itself.
    """
    papers = references(grid, metric)
    near = [reference for reference in papers if same_data(grid, reference)]
    elsewhere = [reference for reference in papers if not same_data(grid, reference)]
    width = 10.5 if elsewhere else 7.5
    figure = new_figure(width, 5)
    panels = figure.subplots(1, 2 if elsewhere else 1, squeeze=False, width_ratios=[3, 2] if elsewhere else None)[0]
    for axes in panels:
        axes.set_ylabel(label(metric))
        axes.grid(alpha=0.3)
    below = [_ours(panels[0], grid, metric, near)]
    if elsewhere:
        below.append(_papers(panels[1], grid.x, elsewhere))
    figure.set_size_inches(width, 4.6 + max(below))
    return figure


def _ours(axes: Axes, grid: Grid, metric: str, near: list[Reference]) -> float:
    xs = grid.settings["position"][grid.settings["done"] > 0]  # what null stands for, the runs that are done say
    scale = Scale([*xs, *(x for r in near for x, _ in r["points"])])
    found = grid.summary(metric)
    names = [grid.name(line) or label(metric) for line in grid.lines]
    if len(names) > 2 * MOST_LINES:
        axes.text(0.99, 0.01, f"{len(names)} lines, named in the csv", transform=axes.transAxes, ha="right")
        names = [f"_{name}" for name in names]  # not in the legend
    for i, (line, style) in enumerate(zip(grid.lines, styles(grid), strict=True)):
        aside = 0.0 if scale.numbers else 0.5 * ((i + 0.5) / len(grid.lines) - 0.5)
        shown = found.loc[line.index]
        shown = shown if banded(grid) else shown.assign(low=math.nan, high=math.nan)
        _line(axes, shown, scale, aside, {**style, "label": names[i]})
    for i, reference in enumerate(near):
        _reference(axes, scale, reference, f"{0.2 + 0.15 * i}", f", {reference.get('dataset')}")
    axes.set_title(headed(grid, error_note(grid, metric)), fontsize=9, loc="left")
    scale.apply(axes, grid.x)
    return legend_below(axes, *_coverage(axes, grid, scale))


def _line(axes: Axes, found: pd.DataFrame, scale: Scale, aside: float, style: Style) -> None:
    """Means with a band of the 95 % interval, bars where the axis has texts, for one seed and where there is one x."""
    found = found[(found["n"] > 0) & found["position"].map(scale.values.__contains__)]
    found = found.assign(at=[scale.position(x) + aside for x in found["position"]]).sort_values("at", kind="stable")
    if found.empty:  # a line without a point is not in the legend
        return
    axes.plot(found["at"], found["mean"], **(style if scale.numbers else {**style, "linestyle": ""}), markersize=5)
    if scale.numbers:
        band = found[found["n"] > 1] if len(found) > 1 else found[:0]  # a single point has bars: a band has no width
        axes.fill_between(band["at"], band["low"], band["high"], color=style["color"], alpha=0.18, linewidth=0)
        found = found.drop(band.index)
    bars = found[found["low"].notna()]
    axes.errorbar(bars["at"], bars["mean"], reach(bars), color=style["color"], linestyle="", capsize=3, elinewidth=1)


def reach(found: pd.DataFrame) -> np.ndarray:
    """How far the interval goes below and above the mean, (2, rows)."""
    return np.stack([found["mean"] - found["low"], found["high"] - found["mean"]]).astype(float).clip(min=0)


def _coverage(axes: Axes, grid: Grid, scale: Scale) -> list[Axes]:
    """A second axis with the probability that the labels of the key and of K negatives, drawn at random, are all C."""
    names, more = datasets(grid), {"K": 1, grid.sweep.experiment.get("draws"): 0}.get(grid.x)
    C = CLASSES.get(names[0]) if len(names) == 1 else None
    if more is None or C is None or scale.even or len(scale.values) < 2:
        return []
    twin = axes.twinx()
    Ks = np.unique(np.concatenate([np.linspace(a, b, 30).astype(int) for a, b in pairwise(scale.values)]))
    values = [coverage_probability(draws=int(K) + more, classes=C) for K in Ks]
    draws = "K + 1" if more else "N"
    twin.plot(Ks, values, color="0.55", linestyle=(0, (1, 1.5)), label=f"coverage: all {C} classes in {draws} draws")
    twin.set(ylim=(-0.03, 1.03), ylabel="probability of coverage (uniform classes)")
    twin.spines["right"].set_visible(True)
    twin.tick_params(axis="y", colors="0.4")
    twin.yaxis.label.set_color("0.4")
    twin.minorticks_off()
    return [twin]


def _papers(axes: Axes, x: str, papers: list[Reference]) -> float:
    scale = Scale(x for reference in papers for x, _ in reference["points"])
    sets = list(dict.fromkeys(str(reference.get("dataset")) for reference in papers))
    for i, reference in enumerate(papers):
        more = f", {reference.get('dataset')}" if len(sets) > 1 else ""
        _reference(axes, scale, reference, COLOURS[(2 + i) % len(COLOURS)], more, MARKERS[i % len(MARKERS)])
    title = f"the paper's numbers, {', '.join(sets)}:\ncompare the shape, not the height"
    axes.set_title(title, fontsize=9, loc="left")
    low, high = axes.get_ylim()
    if high - low < LEAST_SPAN:  # a tenth of a point must not look like a collapse
        axes.set_ylim((low + high - LEAST_SPAN) / 2, (low + high + LEAST_SPAN) / 2)
    scale.apply(axes, x)
    return 0.2 + legend_below(axes)


def _reference(axes: Axes, scale: Scale, reference: Reference, colour: str, more: str, marker: str = "*") -> None:
    points = [(scale.position(x), y) for x, y in reference["points"] if x in scale.values]
    source = f" ({reference['source']})" if reference.get("source") else ""
    look: Style = {"linestyle": (0, (4, 3)) if scale.numbers else "", "linewidth": 1, "color": colour, "marker": marker}
    axes.plot(*np.array(points).reshape(-1, 2).T, **look, label=f"{reference.get('label', 'paper')}{more}{source}")


def costs(grid: Grid) -> list[str]:
    """The costs that finished runs know of."""
    return known(grid.sweep.done, ("seconds", "images_per_second"))


def against_cost(grid: Grid) -> Figure:
    """The y metric against the time of a run and against its speed: colour by x, marker by line, up to 12 lines."""
    names, colours = costs(grid), x_colours(grid)
    markers = MARKERS if apart(grid) else ("o",) * len(grid.lines)
    figure = new_figure(0.6 + 4 * len(names), 4.4)
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axes, cost in zip(panels, names, strict=True):
        ours, price = grid.summary(grid.y), grid.summary(cost)
        known = (ours["n"] > 0) & (price["n"] > 0)
        for i, line in enumerate(grid.lines):
            rows = ours.loc[line.index[known[line.index]]]
            paid, look = price.loc[rows.index], [colours[at] for at in rows["at"]]
            axes.scatter(paid["mean"], rows["mean"], color=look, marker=markers[i], alpha=0.85)
            if apart(grid):
                bars = {"linestyle": "", "ecolor": look, "elinewidth": 1, "alpha": 0.85}
                axes.errorbar(paid["mean"], rows["mean"], reach(rows), reach(paid), **bars)
        axes.set_xlabel(label(cost))
        axes.grid(alpha=0.3)
    panels[0].set_ylabel(label(grid.y))
    note = headed(grid, error_note(grid, grid.y).replace("bands", "bars"))
    panels[0].set_title(note, fontsize=9, loc="left")
    legend_outside(figure, _legend(grid, colours, markers))
    return figure


def _legend(grid: Grid, colours: dict[Any, Any], markers: Sequence[str]) -> list[Artist]:
    """Patches for the values of x, markers for the lines."""
    values = dict(zip(grid.settings["at"], grid.settings["position"], strict=True))
    patches = [Patch(color=colours[at], label=pair(grid.x, values[at])) for at in colours if at in values]
    lines = enumerate(grid.lines if apart(grid) else [])
    named = [(grid.name(line), markers[i]) for i, line in lines]
    return [*patches, *(Line2D([], [], color="0.3", marker=m, linestyle="", label=name) for name, m in named if name)]
