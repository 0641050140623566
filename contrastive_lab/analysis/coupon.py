"""How many labels until every class is among them: the authors' table of E[K + 1], and coverage against K + 1."""

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from contrastive_lab.analysis.result import AnalysisResult, Row, checked
from contrastive_lab.config.theory import Coupon
from contrastive_lab.dataset.folder import SUFFIXES
from contrastive_lab.errors import ConfigError
from contrastive_lab.theory.coupon import (
    collision_probability,
    coverage_probability,
    expected_draws,
    expected_log_collisions,
    expected_log_collisions_without_replacement,
    missing_probability,
    smallest_draws,
    variance_of_draws,
)
from contrastive_lab.theory.coupon.coverage import Floats
from contrastive_lab.theory.coupon.naive import clipped_sum, inclusion_exclusion

LABEL_SETS: dict[str, tuple[int, int | None]] = {  # classes, and E[K + 1] rounded up as the authors print it
    "binary": (2, 3),
    "AG News": (4, 9),
    "CIFAR-10": (10, 30),
    "CIFAR-100": (100, 519),
    "ImageNet-1K": (1000, None),
    "Wiki-3029": (3029, 26030),
}
IMAGENET_COUNTED = 7709  # the authors' number for the class counts of ImageNet-1K's training set


def run(**values: Any) -> AnalysisResult:
    """A row for each label set: E[K + 1], its deviation, the K + 1 for some coverages, and what K negatives see.

    Args:
        values: as `Coupon` describes them.

    Raises:
        ConfigError: on a setting out of range, or a file or folder without class counts.

    Source: Nozawa & Sato 2021, Table 3; the printed numbers were read in the authors' public code.
    """
    settings = checked(Coupon, values)
    K, counts = settings.K, _counts(settings.counts_csv, settings.image_folder)
    label_sets = {name: np.full(C, 1 / C) for name, (C, _) in LABEL_SETS.items()}
    rows = [_row(name, p, LABEL_SETS[name][1], K) for name, p in label_sets.items()]
    if counts is None:
        rows.append({**dict.fromkeys(rows[0]), "labels": "ImageNet-1K, counted", "printed": IMAGENET_COUNTED})
    else:
        label_sets["counted"] = counts / counts.sum()
        rows.append(_row("counted", label_sets["counted"], IMAGENET_COUNTED if len(counts) == 1000 else None, K))
        finite = expected_log_collisions_without_replacement(K, counts) if counts.sum() > K else None
        rows = [{**row, "log_collisions_of_the_set": finite if row is rows[-1] else None} for row in rows]
    return AnalysisResult(rows, _figure(label_sets, settings.classes), {"K": K, **_offset(settings.classes)})


def _row(name: str, p: Floats, printed: int | None, K: int) -> Row:
    return {
        "labels": name,
        "classes": len(p),
        "expected": expected_draws(probs=p),
        "rounded_up": math.ceil(expected_draws(probs=p) - 1e-9),
        "printed": printed,
        "deviation": math.sqrt(variance_of_draws(probs=p)),
        **{f"draws_{percent}": smallest_draws(percent / 100, probs=p) for percent in (50, 90, 99)},
        "coverage": coverage_probability(K + 1, probs=p),
        "missing": missing_probability(K + 1, probs=p),
        "tau": collision_probability(K, probs=p),
        "log_collisions": expected_log_collisions(K, probs=p),
    }


def _offset(classes: int) -> Row:
    """The right panel in numbers, at K + 1 = 1.28 C as in the authors' first column for CIFAR-100."""
    draws = math.ceil(1.28 * classes)
    return {
        "classes": classes,
        "draws": draws,
        "coverage": coverage_probability(draws, classes),
        "coverage_in_float64": float(clipped_sum(draws, classes)[-1]),
    }


def _counts(counts_csv: str | None, image_folder: str | None) -> Floats | None:
    """Images of each class that has any, from the one source that is given."""
    if counts_csv is not None and image_folder is not None:
        raise ConfigError("theory.counts_csv and theory.image_folder: give one of them")
    if counts_csv is not None:
        return _from_csv(Path(counts_csv))
    return None if image_folder is None else _from_folder(Path(image_folder))


def _from_csv(path: Path) -> Floats:
    if not path.is_file():
        raise ConfigError(f"theory.counts_csv={path}: no such file")
    with path.open(newline="") as file:
        cells = [row[-1].strip() for row in csv.reader(file) if row]
    numbers = cells[1:] if cells and cells[0][:1] not in "+-.0123456789" else cells  # a header may stand above
    if not numbers or not all(cell.isdigit() and int(cell) > 0 for cell in numbers):
        raise ConfigError(f"theory.counts_csv={path}: its last column must hold whole numbers above 0, one per class")
    return np.array(numbers, dtype=np.float64)


def _from_folder(root: Path) -> Floats:
    start = root / "train" if (root / "train").is_dir() else root
    folders = [folder for folder in sorted(start.glob("*")) if folder.is_dir()]
    counts = [sum(path.suffix.lower() in SUFFIXES for path in folder.rglob("*")) for folder in folders]
    if not any(counts):
        wanted = "needs one folder of images per class, or train/ with such folders"
        raise ConfigError(f"theory.image_folder={root}: {wanted}")
    return np.array([count for count in counts if count], dtype=np.float64)


def _figure(label_sets: Mapping[str, Floats], classes: int) -> Figure:
    """Left, the probability of coverage of each label set; right, what float64 makes of it for `classes` labels."""
    figure = Figure(figsize=(11, 5.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    _coverage(left, label_sets)
    _cancellation(right, classes)
    for axes in (left, right):
        axes.set(xlabel="labels drawn, K + 1", ylabel="probability that all classes are drawn")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize="small", ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.13))
    return figure


def _coverage(axes: Axes, label_sets: Mapping[str, Floats]) -> None:
    for name, p in label_sets.items():
        mean, last = expected_draws(probs=p), smallest_draws(0.999, probs=p)
        draws = np.unique(np.geomspace(max(len(p) - 1, 1), last, 40).round().astype(int))
        (line,) = axes.plot(
            draws, [coverage_probability(int(n), probs=p) for n in draws], label=f"{name}, C = {len(p):,}"
        )
        axes.plot(mean, coverage_probability(round(mean), probs=p), "o", color=line.get_color())
    axes.plot([], [], "o", color="gray", label="E[K + 1]")
    axes.set(xscale="log", title="Coverage by independent labels")


def _cancellation(axes: Axes, classes: int) -> None:
    last = max(smallest_draws(0.5, classes), classes + 8)
    draws = np.arange(classes, last + 1)
    naive = abs(inclusion_exclusion(draws, classes))
    truth = [coverage_probability(int(n), classes) for n in draws]
    axes.plot(draws, naive, ".", ms=3, color="tab:red", label="inclusion-exclusion, |value|")
    axes.plot(draws, clipped_sum(last, classes), color="tab:orange", label="clipped sum, as in the authors' code")
    axes.plot(draws, truth, color="black", label="truth")
    axes.set(yscale="log", title=f"What cancellation in float64 makes of it, C = {classes}")
