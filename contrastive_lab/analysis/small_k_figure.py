"""The bounds that are finite at small K beside the others, and the optimum of the population loss, against K."""

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from contrastive_lab.analysis.bounds_figure import CHANCE, say_what_chance_means
from contrastive_lab.theory.bounds.envelope import envelope

LINES: dict[str, dict[str, Any]] = {
    "bao_upper": {"color": "tab:green", "linestyle": "--", "label": "Bao et al., upper"},
    "bao_sharp_upper": {"color": "tab:green", "label": "Bao et al., upper, sharp constant"},
    "ash": {"color": "tab:red", "label": "Ash et al."},
    "coupon_exact": {"color": "tab:blue", "label": "coupon bound"},
    "arora_exact": {"color": "tab:orange", "label": "Arora et al."},
    "L_sup": {"color": "black", "label": "supervised loss $L_{sup}$"},
    "bao_sharp_lower": {"color": "tab:purple", "label": "Bao et al., lower, sharp constant"},
    "bao_lower": {"color": "tab:purple", "linestyle": "--", "label": "Bao et al., lower"},
}
HIGHEST = 1e3  # nats
Rows = Sequence[Mapping[str, Any]]


def plot_small_k(panels: Mapping[str, Rows]) -> Figure:
    """All bounds, the supervised loss, chance and the envelope against K, a panel for each title.

    A wide band follows the least upper bound, in the colour of the bound that it is. Lines join the means over the rows
    of one K.

    Args:
        panels: rows by title; each has draws (K + 1), classes (C) and the columns of `LINES`, where known.
    """
    figure = Figure(figsize=(4.6 * max(len(panels), 1.2) + 1, 5.4), layout="constrained")
    for axes, (title, rows) in zip(figure.subplots(1, len(panels), squeeze=False).flat, panels.items(), strict=True):
        _panel(axes, rows)
        axes.set_title(title)
    handles = dict(pair[::-1] for axes in figure.axes for pair in zip(*axes.get_legend_handles_labels(), strict=True))
    figure.legend(
        handles.values(), handles.keys(), loc="outside lower center", ncols=min(len(panels) + 1, 3), frameon=False
    )
    say_what_chance_means(figure)
    return figure


def winners(rows: Rows) -> list[tuple[str, int, int]]:
    """Which upper bound is the least, in runs of neighbouring K: its name, the first and the last K; rows of one panel.

    Several rows of one K count by their mean.
    """
    best = [(K, envelope(means)[0]) for K, means in _means(rows).items()]
    runs = [(name, [K for K, _ in part]) for name, part in groupby(best, key=lambda pair: pair[1])]
    return [(name, Ks[0], Ks[-1]) for name, Ks in runs]


def plot_optimum(rows: Rows) -> Figure:
    """Supervised loss of the class means that minimise the contrastive loss, against K: beside chance, and its change.

    Args:
        rows: of `contrastive_lab.theory.bounds.awasthi.optimum_rows`.
    """
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for prior in dict.fromkeys(row["prior"] for row in rows):
        own = sorted((row for row in rows if row["prior"] == prior), key=lambda row: int(row["K"]))
        K, losses = [row["K"] for row in own], [row["L_sup"] for row in own]
        left.plot(K, losses, ".-", label=f"{prior}, C = {own[0]['classes']}")
        right.plot(K, [loss / losses[0] for loss in losses], ".-")
    for classes in dict.fromkeys(row["classes"] for row in rows):
        left.axhline(math.log(classes), color="black", linestyle=":", label=f"chance, ln {classes}")
    left.set(ylim=(0, None), ylabel="supervised loss of the optimum (nats)")
    right.set(ylabel="the same, over that at the least K")
    for axes in (left, right):
        axes.set(xscale="log", xlabel="negatives K")
        axes.grid(alpha=0.3)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    say_what_chance_means(figure, "Class means that minimise the contrastive loss")
    return figure


def _panel(axes: Axes, rows: Rows) -> None:
    means = _means(rows)
    for name, style in LINES.items():
        known = {K: row[name] for K, row in means.items() if name in row and math.isfinite(row[name])}
        if known:
            axes.plot([*known], [*known.values()], marker=".", **style)
    for name, first, last in winners(rows):
        part = {K: row[name] for K, row in means.items() if first <= K <= last}
        look: dict[str, Any] = {"marker": "o", "markersize": 9, "markeredgewidth": 0} if len(part) == 1 else {}
        look |= {"lw": 9, "alpha": 0.25, "solid_capstyle": "round", "color": LINES[name]["color"]}
        axes.plot([*part], [*part.values()], **look)
    axes.plot([], [], lw=9, alpha=0.25, color="gray", label="envelope, in the winner's colour")
    axes.axhline(math.log(rows[0]["classes"]), **CHANCE)
    axes.set(xscale="log", xlabel="negatives K", ylabel="supervised loss and its bounds (nats)")
    axes.set_yscale("symlog", linthresh=1)
    shown = [row[name] for row in means.values() for name in LINES if name in row and math.isfinite(row[name])]
    axes.set_ylim(min(0.0, *shown) * 1.3, min(max(shown) * 2, HIGHEST))
    axes.grid(alpha=0.3)


def _means(rows: Rows) -> dict[int, dict[str, float]]:
    """Mean of each column of `LINES` over the rows of one K, by K, ascending."""
    found = {}
    for K in sorted({int(row["draws"]) - 1 for row in rows}):
        own = [row for row in rows if row["draws"] == K + 1]
        names = [name for name in LINES if all(row.get(name) is not None for row in own)]
        found[K] = {name: float(np.mean([row[name] for row in own])) for name in names}
    return found
