"""The curves of runs during their training, of one or of several upon each other."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from contrastive_lab.errors import ConfigError
from contrastive_lab.record.files import METRICS, RESULT
from contrastive_lab.record.result import Result, Status, read_result
from contrastive_lab.record.run import check_links
from contrastive_lab.record.sweep import order
from contrastive_lab.record.tables import read_metrics
from contrastive_lab.report.labels import label, settings_text, title, wrapped
from contrastive_lab.report.plot import COLOURS, DASHES, Style, legend_outside, new_figure, styled

PANELS = {  # the unit of each and what it shows, so far as it was logged
    "nats": ("loss", "mi_estimate"),
    "percent": ("contrastive_top1", "online_top1", "knn_top1"),
    "cosine": ("positive_cosine", "negative_cosine"),
    "norm of dL/dq": ("gradient_norm", "gradient_bound"),
}
SETTINGS = ("method", "dataset", "backbone", "K", "alpha", "tau", "batch_size", "epochs", "seed")
Panels = list[tuple[str, list[str]]]  # the label of each and its columns


def plot_runs(folders: Sequence[Path], out: Path, columns: Sequence[str] = ()) -> Path:
    """Write the png file `out`: a panel for each of some columns of metrics.csv; without them `PANELS`.

    Several runs lie upon each other, each with a colour, and the legend names them by what differs.

    Raises:
        ConfigError: if there is no run in a folder, one that has not logged, or no run has logged a column.
    """
    runs = {folder: (read_metrics(folder / METRICS), read_result(folder)) for folder in folders}
    for folder, (metrics, result) in runs.items():
        for name, missing in ((METRICS, metrics.empty), (RESULT, result.status is Status.MISSING)):
            if missing:
                raise ConfigError(
                    f"run={folder}: no {name} in it, or nothing in that; curves need a run that has logged"
                )
        check_links(folder)
    shown, (shared, names) = _panels([metrics for metrics, _ in runs.values()], columns), _names(runs)
    rows, across = -(-len(shown) // 2), min(2, len(shown))
    with styled():
        figure = new_figure(4.5 * across, 0.4 + 2.6 * rows)
        figure.suptitle(wrapped(f"{shared} ({'one run, no band' if len(runs) == 1 else f'{len(runs)} runs'})", 80))
        panels = list(figure.subplots(rows, across, squeeze=False).flat)
        for axes, (unit, panel) in zip(panels, shown, strict=False):
            for i, (metrics, _) in enumerate(runs.values()):
                _plot(axes, metrics, panel, None if len(runs) == 1 else COLOURS[i % len(COLOURS)])
            axes.set(xlabel="optimizer step", ylabel=unit)
            axes.grid(alpha=0.3)
        for axes in panels[len(shown) :]:
            axes.set_visible(False)
        lines = [Line2D([], [], color=COLOURS[i % len(COLOURS)], label=name) for i, name in enumerate(names)]
        legend_outside(figure, lines if len(runs) > 1 else [])
        figure.savefig(out, dpi=110)
    return out


def _panels(runs: list[pd.DataFrame], columns: Sequence[str]) -> Panels:
    """What to show: the columns asked for, else those of `PANELS` that a run has logged."""
    logged = dict.fromkeys(name for metrics in runs for name in metrics)
    if unknown := [name for name in columns if name not in logged]:
        raise ConfigError(f"panels={','.join(unknown)}: not logged; choose of {', '.join(map(str, logged))}")
    if columns:
        return [(label(name), [name]) for name in columns]
    found = ((unit, [name for name in names if name in logged]) for unit, names in PANELS.items())
    return [(unit, names) for unit, names in found if names]


def _names(runs: dict[Path, tuple[pd.DataFrame, Result]]) -> tuple[str, list[str]]:
    """What runs share, as text, and for each what it alone has; its folder where they share everything."""
    told = [{key: value for key, value in result.flat().items() if key in SETTINGS} for _, result in runs.values()]
    own = [key for key in SETTINGS if len({order(each[key]) for each in told}) > 1]
    first = told[0]
    subject = " on ".join(str(first[key]) for key in ("method", "dataset") if key not in own)
    shared = {key: first[key] for key in ("K", "alpha") if key not in own and first[key] is not None}
    names = [settings_text({key: each[key] for key in own if each[key] is not None}) for each in told]
    text = ": ".join(filter(None, (subject, settings_text(shared))))
    return text, [name or str(folder) for name, folder in zip(names, runs, strict=True)]


def _plot(axes: Axes, metrics: pd.DataFrame, names: list[str], colour: Any) -> None:
    """The columns of a run: colours tell them apart, or dashes where the run has a colour of its own."""
    own = len(axes.get_legend_handles_labels()[1]) == 0
    for name, dash in zip(names, DASHES, strict=False):
        if name in metrics:
            values = metrics[name].dropna()
            look: Style = {"marker": "." if len(values) < 40 else "", "label": title(name) if own else ""}
            axes.plot(values, color=colour, linestyle="-" if colour is None else dash, **look)
    if own and len(names) > 1:
        axes.legend(fontsize=9)
