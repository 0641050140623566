"""The figure of `theory=spiked_covariance`: a panel for each part."""

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

PARTS = ("n", "control", "d", "r", "downstream")
COLORS = {"AE": "tab:orange", "CL": "tab:blue", "SupCL": "tab:red", "CL+SupCL": "tab:purple", "U*": "black"}
LABELS = {
    "n": "samples n",
    "d": "coordinates d",
    "r": "dimensions of the signal r",
    "features": "dimensions of the features",
    "sine": "sine distance to the true subspace",
    "source_mse": "mean squared error, source task",
    "transfer_mse": "mean squared error, transfer task",
}
Rows = Sequence[dict[str, Any]]


def plot(rows: Rows, parts: Sequence[str]) -> Figure:
    """One panel for each part; downstream has two, the source and the transfer task."""
    panels = [(part, "sine") for part in parts if part != "downstream"]
    if "downstream" in parts:
        panels += [("downstream", "source_mse"), ("downstream", "transfer_mse")]
    wide = min(3, len(panels))
    high = math.ceil(len(panels) / wide)
    figure = Figure(figsize=(3.7 * wide + 0.8 * (wide == 1), 3.4 * high), layout="constrained")
    for axes, (part, value) in zip(figure.subplots(high, wide, squeeze=False).flat, panels, strict=False):
        mine = [row for row in rows if row["part"] == part]
        if value == "sine":
            _sine(axes, mine, part)
        else:
            _downstream(axes, mine, value)
    return figure


def _sine(axes: Axes, rows: Rows, part: str) -> None:
    x = "n" if part == "control" else part
    for method in ("AE", "CL"):
        mine = [row for row in rows if row["method"] == method]
        _lines(axes, mine, x, method)
        axes.plot(*_xy(mine, x, "sine_limit"), color=COLORS[method], linestyle="--", label=f"{method}, n = infinity")
    top = {row[x]: math.sqrt(min(row["r"], row["d"] - row["r"])) for row in rows}
    axes.plot(list(top), list(top.values()), color="gray", linestyle=":", label="largest possible")
    axes.set(xscale="log", ylim=(0, None))
    _finish(axes, rows, x, "sine", {"n": "d r", "d": "r", "r": "n d"}[x])


def _lines(axes: Axes, rows: Rows, x: str, method: str) -> None:
    """Measured values; in part d one line for each way that n depends on d."""
    tied = [row for row in rows if x == "d" and row["n"] == 50 * row["d"]]
    fixed = [row for row in rows if row not in tied] if x == "d" else rows
    for mine, marker, name in ((fixed, "o", method), (tied, "x", f"{method}, n = 50 d")):
        if mine:
            error = [row["sine_std"] or 0.0 for row in mine]
            label = f"{name}, n = {mine[0]['n']:,}" if x == "d" and mine is fixed else name
            axes.errorbar(*_xy(mine, x, "sine"), yerr=error, color=COLORS[method], marker=marker, ms=4, label=label)


def _downstream(axes: Axes, rows: Rows, value: str) -> None:
    for method, color in COLORS.items():
        mine = [row for row in rows if row["method"] == method]
        axes.plot(*_xy(mine, "features", value), color=color, marker="o", ms=4, label=method)
    axes.axhline(1, color="gray", linestyle=":", label="predicting 0")
    axes.set(ylim=(0, 1.15))
    _finish(axes, rows, "features", value, "n d r")


def _xy(rows: Rows, x: str, y: str) -> tuple[list[float], list[float]]:
    points = {row[x]: row[y] for row in rows}
    return list(points), list(points.values())


def _finish(axes: Axes, rows: Rows, x: str, y: str, fixed: str) -> None:
    ticks = sorted({row[x] for row in rows})
    facts = [f"{name} = {rows[0][name]:,}" for name in fixed.split()]
    axes.set(xlabel=LABELS[x], ylabel=LABELS[y])
    axes.set_title(", ".join([f"noise {rows[0]['noise']}", *facts]), fontsize=10)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
