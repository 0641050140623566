"""The figures of `theory=cost`."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from contrastive_lab.analysis.curve import CAUSES, error, over_seeds
from contrastive_lab.report.inference import Estimate
from contrastive_lab.report.plot import COLOURS, MARKERS

PANELS = {"by_causes": "factor, competition and noise", "by_log_K": "log K"}
COLLISIONS = "collisions"
SEEN = "seen: a point is the mean over seeds, with its 95 % t interval"


def predicted_against_seen(rows: pd.DataFrame) -> Figure:
    """A point for each setting, predicted by runs that are not its own arm's; hollow where its sweep was not fitted."""
    figure = Figure(figsize=(9.5, 5.5), layout="constrained")
    for axes, (name, label) in zip(figure.subplots(1, 2, sharex=True, sharey=True), PANELS.items(), strict=True):
        alone = rows[rows["sets"] == 1]
        shown = over_seeds(rows if name == "by_causes" else alone)
        for number, arm in enumerate(rows["arm"].unique()):
            _points(axes, shown[shown["arm"] == arm], name, number)
        axes.axline((0, 0), slope=1, color="0.6", linewidth=0.8)
        parts = [
            (kind, alone[alone["fitted"] == fitted]) for kind, fitted in (("arm left out", True), ("tests", False))
        ]
        errors = [f"{error(part, part[name]):.2f} ({kind})" for kind, part in parts if len(part)]
        axes.set_title(f"by {label}\nroot mean square error {', '.join(errors)}", fontsize="medium")
        axes.set_xlabel("predicted cost in points of accuracy")
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("seen cost in points of accuracy")
    figure.suptitle(SEEN, fontsize="medium")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return figure


def _points(axes: Axes, own: pd.DataFrame, name: str, number: int) -> None:
    """The settings of an arm; those with more than one set are smaller."""
    color, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    fill = color if own["fitted"].all() else "none"
    for size, more, part in ((6, "", own[own["sets"] == 1]), (3.5, ", more sets", own[own["sets"] > 1])):
        if len(part):
            label = f"{part['arm'].iloc[0]}{more}"
            axes.errorbar(part[name], part["cost"], yerr=_reach(part), label=label, color=color, linestyle="",
                          marker=marker, markersize=size, markerfacecolor=fill, capsize=2)  # fmt: skip


def split(rows: pd.DataFrame, points: Estimate) -> Figure:
    """What each cause costs a setting, by `points` in the order of `CAUSES`, with intervals, and what was seen.

    So does it show what collisions cost, where a row has them; they are no part of the sum.
    """
    shown = over_seeds(rows)
    figure = Figure(figsize=(8.5, 1.6 + 0.62 * len(shown)), layout="constrained")
    axes, at = figure.subplots(), np.arange(len(shown))
    for name, mean, *ends in zip(CAUSES, points.mean, points.low, points.high, strict=True):
        one, other = (float(end) * shown[name] for end in ends)
        part = {"cost": float(mean) * shown[name], "low": np.minimum(one, other), "high": np.maximum(one, other)}
        _bars(axes, name, pd.DataFrame(part))
    if "collisions" in rows:
        _bars(axes, COLLISIONS, over_seeds(rows, "collisions").assign(cost=lambda found: found["collisions"]))
    total = sum(float(mean) * shown[name] for mean, name in zip(points.mean, CAUSES, strict=True))
    axes.plot(total, at + 0.35, "D", color="black", markerfacecolor="none", markersize=5, label="all three")
    axes.errorbar(shown["cost"], at + 0.35, xerr=_reach(shown), linestyle="", marker="o", color="black", capsize=3,
                  elinewidth=1, label="seen")  # fmt: skip
    sets = [f", {n:.0f} sets" if n > 1 else "" for n in shown["sets"]]
    axes.set_yticks(
        at, [f"{arm}, K = {K:.0f}{more}" for arm, K, more in zip(shown["arm"], shown["K"], sets, strict=True)]
    )
    axes.invert_yaxis()
    axes.axvline(0, color="0.5", linewidth=0.8)
    axes.set_xlabel("points of accuracy less than with the most negatives; 95 % intervals over seeds")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=6, frameon=False)
    return figure


def _bars(axes: Axes, name: str, shown: pd.DataFrame) -> None:
    """A bar for each setting that has this part, with its interval, one below the other."""
    number, known = [*CAUSES, COLLISIONS].index(name), shown["cost"].notna().to_numpy()
    axes.barh(np.arange(len(shown))[known] + 0.17 * (number - 2), shown["cost"][known], height=0.15, label=name,
              color=COLOURS[number], xerr=_reach(shown[known]),
              error_kw={"elinewidth": 0.8, "capsize": 2, "ecolor": "0.35"})  # fmt: skip


def _reach(shown: pd.DataFrame) -> NDArray[np.float64]:
    """From the mean cost down to and up to the ends of its interval; nothing where there is none or it ends before."""
    reach: NDArray[np.float64] = np.stack([shown["cost"] - shown["low"], shown["high"] - shown["cost"]])
    return np.nan_to_num(reach).clip(min=0.0)
