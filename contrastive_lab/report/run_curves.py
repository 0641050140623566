"""The curves of one run during its training."""

from pathlib import Path

from matplotlib.axes import Axes

from contrastive_lab.errors import ConfigError
from contrastive_lab.record.run import stored_result
from contrastive_lab.record.sweep import Series, read_metrics
from contrastive_lab.report.draw import new_figure

PANELS = {
    "nats": ("loss", "mi_estimate"),
    "percent": ("contrastive_top1", "online_top1", "knn_top1"),
    "cosine": ("positive_cosine", "negative_cosine"),
    "norm of dL/dq": ("gradient_norm", "gradient_bound"),
}


def plot_run(folder: Path) -> Path:
    """Write `<folder>/curves.png`: loss and MI estimate, accuracies, cosines, gradient norm with its bound.

    Raises:
        ConfigError: if there is no run in the folder, or one that has not logged.
    """
    series, result = read_metrics(folder / "metrics.csv"), stored_result(folder)
    for name, values in (("metrics.csv", series), ("result.json", result)):
        if not values:
            raise ConfigError(f"run={folder}: no {name} in it, or nothing in that; curves need a run that has logged")
    figure = new_figure(9, 5.5)
    settings = [f"{key} = {result[key]:g}" for key in ("K", "alpha") if result[key] is not None]
    figure.suptitle(": ".join(filter(None, (f"{result['method']} on {result['dataset']}", ", ".join(settings)))))
    for axes, (unit, names) in zip(figure.subplots(2, 2).flat, PANELS.items(), strict=True):
        _panel(axes, {name: series[name] for name in names if name in series}, unit)
    figure.savefig(folder / "curves.png", dpi=110)
    return folder / "curves.png"


def _panel(axes: Axes, series: Series, unit: str) -> None:
    for name, values in series.items():
        marker = "." if len(values) < 40 else ""
        axes.plot([*values], [*values.values()], marker=marker, label=name.replace("_", " ").replace("mi ", "MI "))
    axes.set(xlabel="optimizer step", ylabel=unit)
    axes.grid(alpha=0.3)
    if series:
        axes.legend(frameon=False)
