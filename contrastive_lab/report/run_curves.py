"""The curves of one run during its training."""

from pathlib import Path

from contrastive_lab.errors import ConfigError
from contrastive_lab.record.files import METRICS, RESULT
from contrastive_lab.record.result import Status, read_result
from contrastive_lab.record.run import check_links
from contrastive_lab.record.tables import read_metrics
from contrastive_lab.report.plot import new_figure

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
    metrics, result = read_metrics(folder / METRICS), read_result(folder)
    for name, missing in ((METRICS, metrics.empty), (RESULT, result.status is Status.MISSING)):
        if missing:
            raise ConfigError(f"run={folder}: no {name} in it, or nothing in that; curves need a run that has logged")
    check_links(folder)
    figure = new_figure(9, 5.5)
    settings = [f"{key} = {value:g}" for key, value in (("K", result.K), ("alpha", result.alpha)) if value is not None]
    named = filter(None, (f"{result.method} on {result.dataset}", ", ".join(settings)))
    figure.suptitle(f"{': '.join(named)} (one run, no band)")
    for axes, (unit, names) in zip(figure.subplots(2, 2).flat, PANELS.items(), strict=True):
        for name in [name for name in names if name in metrics]:
            values, text = metrics[name].dropna(), name.replace("_", " ").replace("mi ", "MI ")
            axes.plot(values, marker="." if len(values) < 40 else "", label=text)
        axes.set(xlabel="optimizer step", ylabel=unit)
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend(frameon=False)
    figure.savefig(folder / "curves.png", dpi=110)
    return folder / "curves.png"
