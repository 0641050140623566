"""Draw a run's metrics.csv: python scripts/curves.py run=outputs/simo/<date> writes curves.png into that folder."""

import sys
from pathlib import Path

import matplotlib as mpl
import pandas as pd

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from contrastive_lab.record.result import read_result
from contrastive_lab.record.sweep import read_metrics


def main() -> None:
    """Four panels: loss, MI estimate and accuracies, cosines, gradient norm with its bound."""
    if len(sys.argv) != 2 or not sys.argv[1].startswith("run="):
        sys.exit("error: one argument, run=<folder of a run>")
    folder = Path(sys.argv[1].removeprefix("run="))
    if not (folder / "metrics.csv").is_file():
        sys.exit(f"error: run={folder}: no metrics.csv in it")
    series, result = read_metrics(folder / "metrics.csv"), read_result(folder)
    figure, axes = plt.subplots(2, 2, figsize=(9, 5.5), layout="constrained")
    figure.suptitle(f"{result.method} on {result.dataset}: K = {result.K}, alpha = {result.alpha:g}")
    draw(axes[0, 0], series, ["loss", "mi_estimate"], "nats")
    draw(axes[0, 1], series, ["contrastive_top1", "online_top1", "knn_top1"], "percent")
    draw(axes[1, 0], series, ["positive_cosine", "negative_cosine"], "cosine")
    draw(axes[1, 1], series, ["gradient_norm", "gradient_bound"], "norm of dL/dq")
    figure.savefig(folder / "curves.png", dpi=110)
    print(folder / "curves.png")


def draw(axes: Axes, series: pd.DataFrame, names: list[str], unit: str) -> None:
    """One panel."""
    for name in names:
        if name in series:
            values, text = series[name].dropna(), name.replace("_", " ").replace("mi ", "MI ")
            axes.plot(values, marker="." if len(values) < 40 else "", label=text)
    axes.set(xlabel="optimizer step", ylabel=unit)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)


if __name__ == "__main__":
    main()
