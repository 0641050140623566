"""The figure of `theory=gaussian_mi`: estimates of the mutual information against K and against the truth."""

import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

Row = dict[str, Any]


def draw(rows: list[Row], alpha: float) -> Figure:
    """A panel for each true value, against K, and one against the true value at the smallest K."""
    values, least = sorted({row["mi"] for row in rows}), min(row["K"] for row in rows)
    columns = min(3, len(values) + 1)
    lines = math.ceil((len(values) + 1) / columns)
    figure = Figure(figsize=(3.6 * columns, 0.8 + 2.9 * lines), layout="constrained")
    panels: list[Axes] = list(figure.subplots(lines, columns, squeeze=False).flat)
    for axes, mi in zip(panels, values, strict=False):
        _lines(axes, [row for row in rows if row["mi"] == mi], "K", alpha)
        axes.axhline(mi, color="black", linestyle=":", label="true value")
        axes.set(title=f"true value {mi:g}", xlabel="negatives K")
        axes.set_xscale("log", base=2)
        ticks = sorted({row["K"] for row in rows})
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
    last = panels[len(values)]
    _lines(last, [row for row in rows if row["K"] == least], "mi", alpha)
    last.plot(values, values, color="black", linestyle=":", label="true value")
    last.set(title=f"K = {least}", xlabel="true mutual information (nats)")
    for axes in panels[: len(values) + 1]:
        axes.set_ylabel("estimate (nats)")
        axes.grid(alpha=0.3)
    for axes in panels[len(values) + 1 :]:
        axes.remove()
    handles, labels = last.get_legend_handles_labels()
    legend = dict(zip(labels, handles, strict=True))  # the paper's crosses once
    figure.legend(legend.values(), legend, loc="outside lower center", ncols=4, frameon=False)
    return figure


def _lines(axes: Axes, rows: list[Row], across: str, alpha: float) -> None:
    """Trained critics as dots, the paper as crosses, the perfect critic as a line, its limit dashed."""
    kinds = [("InfoNCE", None), *(("EqCo", a) for a in sorted({r["alpha"] for r in rows if r["objective"] == "EqCo"}))]
    for number, (objective, a) in enumerate(kinds):
        own = [row for row in rows if row["objective"] == objective and a in (None, row["alpha"])]
        color = f"C{number}"
        name = objective if a is None else f"{objective}, alpha {a:g}"
        x = [row[across] for row in own]
        axes.plot(x, [row["perfect_critic"] for row in own], color=color, label=f"{name}: perfect critic")
        axes.plot(x, [row["estimate"] for row in own], "o", color=color, label=f"{name}: trained")
        if any(row["paper"] is not None for row in own):
            axes.plot(x, [row["paper"] for row in own], "x", color="black", label="paper")
        if a == alpha:
            axes.plot(x, [row["limit"] for row in own], "--", color=color, label=f"{name}: limit, K infinite")
