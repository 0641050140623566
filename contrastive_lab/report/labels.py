"""Keys, values and metrics as text."""

import textwrap
from collections.abc import Mapping
from typing import Any

from contrastive_lab.config.check import WITHOUT_ALPHA

PROBES = {"knn": "kNN", "linear_moco": "linear (MoCo's protocol)", "mean": "mean classifier", "online": "online probe"}
FEATURES = ("h", "z", "pixels")  # what a protocol was asked to score, at the end of its accuracies' name
OF_TRAINING = ("contrastive_top1", "train_top1")  # percent of the queries or images of a step
LABELS = {
    "mi_estimate": "MI estimate, nats",
    "gradient_norm": "gradient norm |dL/dq|",
    "gradient_bound": "bound of the gradient norm",
    "images_per_second": "speed, images/s",
    "seconds": "run time, seconds",
    "loss": "loss, nats",
    "alignment": "alignment (squared distance)",
    "uniformity": "uniformity (log of mean kernel)",
    "AP": "average precision AP, percent",
    "AP50": "average precision AP50, percent",
    "AP75": "average precision AP75, percent",
    "K": "negatives K",
    "batch_size": "batch size N",
    "tau": "temperature tau",
    "competition": "competition, share of that of all keys",
    "factor": "mean factor w",
    "agreement": "agreement with the repulsion of all keys (cosine)",
    "dispersion": "dispersion of exp(cos / tau)",
    "effective_rank": "effective rank, dimensions",
}


def pair(key: str, value: Any) -> str:
    """A key and its value as text; where alpha is null it is K, and an arm is its name."""
    return str(value) if key == "arm" else f"{key} = {shown(key, value)}"


def settings_text(settings: Mapping[str, Any]) -> str:
    """Settings as text, without the alpha of a loss that has none."""
    without = settings.get("loss") in WITHOUT_ALPHA
    return ", ".join(pair(key, value) for key, value in settings.items() if not (without and key == "alpha"))


def shown(key: str, value: Any) -> str:
    """A value as text."""
    if key == "alpha" and value is None:
        return "K"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def signed(value: float) -> str:
    """A number with its sign and two digits; what rounds to 0 is +0.00.

    >>> signed(-0.001)
    '+0.00'
    """
    return f"{round(value, 2) + 0.0:+.2f}"


def label(metric: str) -> str:
    """A key of result.json or a column of metrics.csv with its unit."""
    probe, _, top = metric.rpartition("_top")
    if top in ("1", "5"):
        protocol, _, features = probe.rpartition("_")
        own, of = (protocol, f" on {features}") if features in FEATURES else (probe, "")
        return f"{PROBES.get(own, own.replace('_', ' '))}{of} top-{top}, percent"
    return LABELS.get(metric, metric.replace("_", " "))


def title(metric: str) -> str:
    """The same without the unit."""
    return label(metric).partition(", ")[0]


def unit(metric: str) -> str:
    """The unit alone; empty where a metric has none."""
    return label(metric).partition(", ")[2]


def is_accuracy(metric: str) -> bool:
    """Whether a metric is a share of the test images, in percent."""
    return metric.endswith(("_top1", "_top5")) and metric not in OF_TRAINING


def wrapped(text: str, letters: int) -> str:
    """A text in lines of at most some letters; a key and its value stay together."""
    return textwrap.fill(text.replace(" = ", "\u00a0=\u00a0"), letters)
