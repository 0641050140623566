"""The paper's numbers that a figure or a table may show beside ours: entries of the experiment's `reference`."""

from typing import Any

from contrastive_lab.report.grid import Grid

Reference = dict[str, Any]


def datasets(grid: Grid) -> list[str]:
    """The data sets of all runs."""
    return [str(name) for name in dict.fromkeys(grid.sweep.results["dataset"]) if name]


def references(grid: Grid, metric: str) -> list[Reference]:
    """The entries for a metric that belong on this x axis, each with `points`, pairs of x and y."""
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
    """Whether a number of the paper was measured on the data set of this sweep, however that is spelt."""

    def plain(name: str) -> str:
        return "".join(filter(str.isalnum, name.lower()))

    return [plain(str(reference.get("dataset")))] == [plain(name) for name in datasets(grid)]
