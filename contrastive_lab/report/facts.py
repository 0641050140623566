"""What is known of the data sets: classes, size of the test set; and the paper's numbers that a figure may show."""

from typing import Any

from contrastive_lab.report.grid import Grid, Setting
from contrastive_lab.report.stats import binomial_se

# Classes and labelled test images (conf/dataset and the papers named there; AG News: Zhang et al. 2015).
CLASSES = {"fashion_mnist_mini": 10, "fashion_mnist": 10, "cifar10": 10, "cifar100": 100, "stl10": 10, "ag_news": 4}
TEST_SIZE = {
    "fashion_mnist_mini": 1000,
    "fashion_mnist": 10000,
    "cifar10": 10000,
    "cifar100": 10000,
    "stl10": 8000,
    "ag_news": 7600,
}
Reference = dict[str, Any]


def datasets(grid: Grid) -> list[str]:
    """The data sets of all runs."""
    names = dict.fromkeys(run.result.get("dataset") for run in grid.sweep.runs)
    return [str(name) for name in names if name]


def classes(grid: Grid) -> int | None:
    """Classes of the sweep's data set; None where unknown, or where there are several sets."""
    names = datasets(grid)
    return CLASSES.get(names[0]) if len(names) == 1 else None


def is_accuracy(metric: str) -> bool:
    """Whether a metric is a share of the test images, in percent."""
    return metric.endswith(("_top1", "_top5"))


def one_seed_error(setting: Setting, metric: str) -> float | None:
    """Binomial standard error of the test set, in points, for a setting of one run; None where it is not known."""
    found = setting.summary(metric)
    images = next((TEST_SIZE.get(str(run.result.get("dataset"))) for run in setting.done), None)
    if found.n != 1 or not is_accuracy(metric) or images is None:
        return None
    return binomial_se(found.mean, images)


def references(grid: Grid, metric: str) -> list[Reference]:
    """The paper's numbers for a metric that belong on this x axis, as pairs of x and y."""
    if grid.x != grid.sweep.experiment.get("x"):
        return []
    found = []
    for entry in grid.sweep.experiment.get("reference") or []:
        points = [(x, float(y)) for x, y in zip(entry.get("x", []), entry.get("y", []), strict=False) if y is not None]
        if entry.get("metric", grid.y) == metric and points:
            found.append({**entry, "points": points})
    return found


def reference_metrics(grid: Grid) -> list[str]:
    """The metrics of the paper's numbers, that of the y axis first."""
    named = dict.fromkeys(entry.get("metric", grid.y) for entry in grid.sweep.experiment.get("reference") or [])
    return sorted((metric for metric in named if references(grid, metric)), key=lambda metric: metric != grid.y)


def same_data(grid: Grid, reference: Reference) -> bool:
    """Whether a number of the paper was measured on the data set of this sweep."""
    return [_plain(str(reference.get("dataset")))] == [_plain(name) for name in datasets(grid)]


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())
