"""The figures of `theory=bounds`."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

from contrastive_lab.analysis.published import published

LINES: dict[str, dict[str, Any]] = {
    "L_sup": {"color": "black", "label": "supervised loss $L_{sup}$"},
    "coupon_exact": {"color": "tab:blue", "label": "coupon bound"},
    "repo_half_sub": {"color": "tab:blue", "linestyle": ":", "label": "coupon bound, authors' code"},
    "arora_exact": {"color": "tab:orange", "label": "Arora's bound"},
    "arora_repo": {"color": "tab:orange", "linestyle": ":", "label": "Arora's bound, authors' code"},
}
ACCURACIES: dict[str, dict[str, Any]] = {
    "linear_top1": {"color": "tab:green", "label": "linear probe on h"},
    "mean_top1": {"color": "tab:purple", "label": "mean classifier on z"},
}
CHANCE: dict[str, Any] = {"color": "black", "linestyle": ":", "label": "chance, ln C"}
NOTE = """Chance is ln C. An upper bound above it does not prove that
16 negatives are enough: guessing meets it too."""
PARTS = {"sup": "all classes", "sub": "fewer classes", "collision": "collisions", "d": "d(f)"}
COLORS = {"sup": "tab:blue", "sub": "tab:cyan", "collision": "tab:red", "d": "tab:gray"}
HIGHEST = 1e5  # nats, as in the papers' figure; above it a bound says nothing
Rows = Sequence[Mapping[str, Any]]


def plot_closed_form(rows: Rows) -> Figure:
    """Upper bounds, the true loss and chance, ln C, against K + 1, one panel for each number of classes."""
    classes = list(dict.fromkeys(row["classes"] for row in rows))
    figure = Figure(figsize=(4.3 * len(classes) + 1.2, 4.8), layout="constrained")
    for axes, C in zip(figure.subplots(1, len(classes), squeeze=False).flat, classes, strict=True):
        _bounds(axes, [row for row in rows if row["classes"] == C])
        axes.set_title(f"C = {C}")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3 if len(classes) > 1 else 2, frameon=False)
    say_what_chance_means(figure)
    return figure


def say_what_chance_means(figure: Figure, title: str = "") -> None:
    """Say above a figure, under its title, that an upper bound above chance does not prove that few are enough."""
    figure.suptitle("\n".join(filter(None, [title, NOTE])), fontsize="medium")


def by_setting(rows: Rows) -> dict[str, list[Mapping[str, Any]]]:
    """Rows of measured runs by the title of their panel: method, data set, alpha, temperature and loss."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        title = f"{row['method']} on {row['dataset']}\nalpha = {row['alpha']}, tau = {row['tau']}"
        if row.get("loss", "loss = info_nce") != "loss = info_nce":
            title += f"\n{row['loss']}"
        groups.setdefault(title, []).append(row)
    return groups


def plot_sweep(rows: Rows) -> Figure:
    """Accuracies above, upper bounds and chance below, against K + 1; lines join the means over runs of one K + 1.

    Runs of another method, data set, alpha or temperature have panels of their own; stars are the paper's numbers.
    """
    groups = by_setting(rows)
    figure = Figure(figsize=(2 + 4.5 * len(groups), 6.5), layout="constrained")
    panels = figure.subplots(2, len(groups), sharex="col", sharey="row", squeeze=False, height_ratios=(1, 1.5))
    for (title, own), above, below in zip(groups.items(), *panels, strict=True):
        paper = published(own[0]["dataset"])
        _lines(above, own, ACCURACIES)
        _stars(above, paper, ACCURACIES)
        above.set(title=title, xlabel="")
        above.grid(alpha=0.3)
        _bounds(below, own)
        _stars(below, paper, LINES)
    panels[0][0].set_ylabel("accuracy in %")
    for axes in panels[:, 1:].flat:
        axes.set_ylabel("")
    for row in panels:
        known = [pair for axes in row for pair in zip(*axes.get_legend_handles_labels(), strict=True)]
        handles = {label: handle for handle, label in known}
        where: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1, 0.5)}
        row[-1].legend(handles.values(), handles.keys(), frameon=False, fontsize="small", **where)
    say_what_chance_means(figure)
    return figure


def _stars(axes: Axes, paper: Rows, lines: Mapping[str, dict[str, Any]]) -> None:
    """The paper's numbers on the same axes, hollow."""
    label: str | None = "the paper (Nozawa & Sato)"
    for name, style in lines.items():
        points = [(row["draws"], row[name]) for row in paper if row.get(name) is not None]
        if points:
            axes.plot(*zip(*points, strict=True), "*", color=style["color"], mfc="none", ms=9, label=label)
            label = None


def plot_run(row: Mapping[str, Any]) -> Figure:
    """What the lower bounds are made of, and the upper bounds, at one K + 1."""
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    _stacked(left, row)
    names = list(LINES)[::-1]
    values = [min(row[name], HIGHEST) for name in names]
    right.barh([str(LINES[name]["label"]) for name in names], values, color=[LINES[name]["color"] for name in names])
    for position, name in enumerate(names):
        right.annotate(f" {row[name]:.3g}", (max(min(row[name], HIGHEST), 0), position), va="center", fontsize="small")
    right.set(xlabel="supervised loss and its upper bounds (nats)", xscale="symlog")
    right.margins(x=0.25)
    right.axvline(math.log(row["classes"]), **CHANCE)
    right.legend(frameon=False, fontsize="small")
    say_what_chance_means(figure, f"{row['method']} on {row['dataset']}, {row['run']}: K + 1 = {row['draws']}")
    return figure


def _stacked(axes: Axes, row: Mapping[str, Any]) -> None:
    """The parts of both lower bounds end to end, d(f) from zero to the left, beside the contrastive loss."""
    arora = {"sup": row["clean_sup"], "sub": row["clean_sub"], "collision": row["collision"], "d": row["d"]}
    halved = {name: row[name] / 2 for name in ("sup", "sub", "collision")}
    bars = {"Arora": arora, "coupon": {**halved, "d": row["d"]}}
    for position, parts in enumerate(bars.values()):
        start = 0.0
        for name, value in parts.items():
            label = PARTS[name] if position == 0 else None
            axes.barh(position, value, left=0.0 if name == "d" else start, color=COLORS[name], label=label)
            start += value
        axes.plot(
            [start, start], [position - 0.4, position + 0.4], "k", label="bound (their sum)" if position == 0 else None
        )
    axes.axvline(row["L_info"], color="black", linestyle="--", label="contrastive loss")
    axes.set(yticks=[0, 1], yticklabels=list(bars), ylim=(-0.6, 2.6), xlabel="nats")
    axes.legend(framealpha=1, edgecolor="white", fontsize="small", ncols=2, loc="upper left")


def _bounds(axes: Axes, rows: Rows) -> None:
    _lines(axes, rows, LINES)
    chance = math.log(rows[0]["classes"])
    axes.axhline(chance, **CHANCE)
    shown = [chance, *(row[name] for row in rows for name in LINES if 0 < row[name] < HIGHEST)]
    axes.set(yscale="log", ylabel="supervised loss and its upper bounds (nats)")
    axes.set_ylim(min(shown) / 2, min(max(shown) * 2, HIGHEST))
    axes.grid(alpha=0.3)


def _lines(axes: Axes, rows: Rows, lines: Mapping[str, dict[str, Any]]) -> None:
    """One line for each name, through the mean at each K + 1, and a point for each row; what is missing is left out."""
    draws = sorted({row["draws"] for row in rows})
    for name, style in lines.items():
        known = [row for row in rows if row[name] is not None and math.isfinite(row[name])]
        if not known:
            continue
        values = [[row[name] for row in known if row["draws"] == N] for N in draws]
        means = [fmean(each) if each else math.nan for each in values]
        axes.plot(draws, means, **style)
        if len(rows) > len(draws) or len(draws) < 12:
            axes.plot([row["draws"] for row in known], [row[name] for row in known], ".", color=style["color"])
    axes.set(xscale="log", xlabel="draws K + 1")
    axes.xaxis.set_major_locator(FixedLocator(_ticks(draws)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(ScalarFormatter())


def _ticks(draws: Sequence[int]) -> list[int]:
    """The values themselves where they are few, else powers of two in their range."""
    powers = [2**power for power in range(1, 40) if draws[0] <= 2**power <= draws[-1]]
    return list(draws) if len(draws) < 8 or len(powers) < 3 else powers
