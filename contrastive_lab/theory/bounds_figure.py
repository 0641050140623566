"""The figures of `theory=bounds`."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

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
PARTS = {"sup": "all classes", "sub": "fewer classes", "collision": "collisions", "d": "d(f)"}
COLORS = {"sup": "tab:blue", "sub": "tab:cyan", "collision": "tab:red", "d": "tab:gray"}
HIGHEST = 1e5  # nats, as in the papers' figure; above it a bound says nothing
Rows = Sequence[Mapping[str, Any]]


def draw_closed_form(rows: Rows) -> Figure:
    """Upper bounds and the true loss against K + 1, one panel for each number of classes."""
    classes = list(dict.fromkeys(row["classes"] for row in rows))
    figure = Figure(figsize=(4.3 * len(classes) + 1.2, 4.2), layout="constrained")
    for axes, C in zip(figure.subplots(1, len(classes), squeeze=False).flat, classes, strict=True):
        _bounds(axes, [row for row in rows if row["classes"] == C])
        axes.set_title(f"C = {C}")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3 if len(classes) > 1 else 2, frameon=False)
    return figure


def draw_sweep(rows: Rows) -> Figure:
    """Accuracies above, upper bounds below, against K + 1; lines join the means over runs of one K + 1."""
    figure = Figure(figsize=(6.5, 6.5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.5))
    _lines(above, rows, ACCURACIES)
    above.set_ylabel("accuracy in %")
    above.grid(alpha=0.3)
    _bounds(below, rows)
    for axes in (above, below):
        axes.legend(frameon=False, fontsize="small", loc="best")
    above.set_xlabel("")
    return figure


def draw_run(row: Mapping[str, Any]) -> Figure:
    """What the lower bounds are made of, and the upper bounds, at one K + 1."""
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    _stacked(left, row)
    names = list(LINES)[::-1]
    values = [min(row[name], HIGHEST) for name in names]
    right.barh([str(LINES[name]["label"]) for name in names], values, color=[LINES[name]["color"] for name in names])
    for place, name in enumerate(names):
        right.annotate(f" {row[name]:.3g}", (max(min(row[name], HIGHEST), 0), place), va="center", fontsize="small")
    right.set(xlabel="supervised loss and its upper bounds (nats)", xscale="symlog")
    right.margins(x=0.25)
    figure.suptitle(f"{row['method']} on {row['dataset']}, {row['run']}: K + 1 = {row['draws']}")
    return figure


def _stacked(axes: Axes, row: Mapping[str, Any]) -> None:
    """The parts of both lower bounds end to end, d(f) from zero to the left, beside the contrastive loss."""
    arora = {"sup": row["clean_sup"], "sub": row["clean_sub"], "collision": row["collision"], "d": row["d"]}
    halved = {name: row[name] / 2 for name in ("sup", "sub", "collision")}
    bars = {"Arora": arora, "coupon": {**halved, "d": row["d"]}}
    for place, parts in enumerate(bars.values()):
        start = 0.0
        for name, value in parts.items():
            label = PARTS[name] if place == 0 else None
            axes.barh(place, value, left=0.0 if name == "d" else start, color=COLORS[name], label=label)
            start += value
        axes.plot([start, start], [place - 0.4, place + 0.4], "k", label="bound (their sum)" if place == 0 else None)
    axes.axvline(row["L_info"], color="black", linestyle="--", label="contrastive loss")
    axes.set(yticks=[0, 1], yticklabels=list(bars), ylim=(-0.6, 2.6), xlabel="nats")
    axes.legend(frameon=False, fontsize="small", ncols=2, loc="upper left")


def _bounds(axes: Axes, rows: Rows) -> None:
    _lines(axes, rows, LINES)
    shown = [row[name] for row in rows for name in LINES if 0 < row[name] < HIGHEST]
    axes.set(yscale="log", ylabel="supervised loss and its upper bounds (nats)")
    if shown:
        axes.set_ylim(min(shown) / 2, min(max(shown) * 2, HIGHEST))
    axes.grid(alpha=0.3)


def _lines(axes: Axes, rows: Rows, lines: Mapping[str, dict[str, Any]]) -> None:
    """One line for each name, through the mean at each K + 1, and a point for each row; what is missing is left out."""
    draws = sorted({row["draws"] for row in rows})
    for name, style in lines.items():
        known = [row for row in rows if row[name] is not None and math.isfinite(row[name])]
        means = [_mean(row[name] for row in known if row["draws"] == N) for N in draws]
        axes.plot(draws, means, **style)
        if len(rows) > len(draws) or len(draws) < 12:
            axes.plot([row["draws"] for row in known], [row[name] for row in known], ".", color=style["color"])
    axes.set(xscale="log", xlabel="draws K + 1")
    axes.xaxis.set_major_locator(FixedLocator(_ticks(draws)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(ScalarFormatter())


def _mean(values: Iterable[float]) -> float:
    known = list(values)
    return sum(known) / len(known) if known else math.nan


def _ticks(draws: Sequence[int]) -> list[int]:
    """The values themselves where they are few, else powers of two in their range."""
    powers = [2**power for power in range(1, 40) if draws[0] <= 2**power <= draws[-1]]
    return list(draws) if len(draws) < 8 or len(powers) < 3 else powers
