"""A half-finished sweep and its report."""

from pathlib import Path

import pytest

from contrastive_lab.report import write_report
from tests.sweep_folder import Told, seeds, write_sweep

PAPER = [
    {"label": "on ImageNet", "metric": "linear_top1", "dataset": "ImageNet", "x": [4, 16], "y": [67.5, 68.1]},
    {"label": "on ours", "metric": "linear_top1", "dataset": "Fashion-MNIST mini", "x": [4, 16], "y": [77.7, 79.9]},
    {"label": "other metric", "metric": "knn_top1", "dataset": "ImageNet", "x": [4], "y": [1.0]},
]
EXPERIMENT = {"title": "A <title> & more", "paper": "Nobody 2020", "x": "K", "hue": "alpha", "reference": PAPER}
HALF_DONE: list[Told] = [
    *seeds([80, 81, 82], K=4, alpha=None, method="simo"),
    *seeds([83, 84], K=4, alpha=256, method="simo"),
    *seeds([84], K=16, alpha=None, method="simo"),
    ({"K": 16, "alpha": None, "method": "simo", "seed": 1}, {"status": "failed", "error": "Traceback\nloss <is> nan"}),
    ({"K": 16, "alpha": 256, "method": "simo", "seed": 0}, {"status": "running"}),
    ({"K": 16, "alpha": 256, "method": "simo", "seed": 1}, None),
]


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a half-finished sweep."""
    folder = write_sweep(tmp_path_factory.mktemp("sweeps") / "a b", HALF_DONE, experiment=EXPERIMENT)
    return write_report(folder)
