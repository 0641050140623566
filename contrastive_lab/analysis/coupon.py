"""How many labels until every class is among them: the authors' table of E[K + 1], and coverage against K + 1."""

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np

from contrastive_lab.analysis.coupon_figure import draw
from contrastive_lab.analysis.result import AnalysisResult
from contrastive_lab.dataset.folder import SUFFIXES
from contrastive_lab.theory.coupon.collision import collision_probability, expected_log_collisions
from contrastive_lab.theory.coupon.coverage import Floats
from contrastive_lab.theory.coupon.draws import coverage_probability, expected_draws, smallest_draws, variance_of_draws
from contrastive_lab.theory.coupon.naive import clipped_sum

LABEL_SETS: dict[str, tuple[int, int | None]] = {  # classes, and E[K + 1] rounded up as the authors print it
    "binary": (2, 3),
    "AG News": (4, 9),
    "CIFAR-10": (10, 30),
    "CIFAR-100": (100, 519),
    "ImageNet-1K": (1000, None),
    "Wiki-3029": (3029, 26030),
}
IMAGENET_COUNTED = 7709  # the authors' number for the class counts of ImageNet-1K's training set
LARGEST = 400  # classes of the right panel: beyond, float64's terms leave every axis


def run(K: int, classes: int, counts_csv: str | None, image_folder: str | None) -> AnalysisResult:
    """A row for each label set: E[K + 1], its deviation, the K + 1 for some coverages, and what K negatives see.

    Args:
        K: negatives of the columns coverage, tau and log_collisions, at least 0.
        classes: C of the figure's right panel, from 2 to 400.
        counts_csv: csv file whose last column holds the number of images of a class; a header may stand above.
        image_folder: folder with one folder of images per class, or with such folders in its `train/`.

    Raises:
        ValueError: on a dial out of range, or a file or folder without class counts.

    Source: Nozawa & Sato 2021 (the number of their table is remembered: 3); the printed numbers were read in the
    authors' public code.
    """
    if K < 0:
        raise ValueError(f"theory.K={K}: must be 0 or more")
    if not 2 <= classes <= LARGEST:
        raise ValueError(f"theory.classes={classes}: must be from 2 to {LARGEST}")
    counts = _counts(counts_csv, image_folder)
    label_sets = {name: np.full(C, 1 / C) for name, (C, _) in LABEL_SETS.items()}
    rows = [_row(name, p, LABEL_SETS[name][1], K) for name, p in label_sets.items()]
    if counts is None:
        rows.append({**dict.fromkeys(rows[0]), "labels": "ImageNet-1K, counted", "printed": IMAGENET_COUNTED})
    else:
        label_sets["counted"] = counts / counts.sum()
        printed = IMAGENET_COUNTED if len(counts) == 1000 else None
        rows.append(_row("counted", label_sets["counted"], printed, K))
    return AnalysisResult(rows, draw(label_sets, classes), {"K": K, **_offset(classes)})


def _row(name: str, p: Floats, printed: int | None, K: int) -> dict[str, Any]:
    return {
        "labels": name,
        "classes": len(p),
        "expected": expected_draws(probs=p),
        "rounded_up": math.ceil(expected_draws(probs=p) - 1e-9),
        "printed": printed,
        "deviation": math.sqrt(variance_of_draws(probs=p)),
        **{f"draws_{percent}": smallest_draws(percent / 100, probs=p) for percent in (50, 90, 99)},
        "coverage": coverage_probability(K + 1, probs=p),
        "tau": collision_probability(K, probs=p),
        "log_collisions": expected_log_collisions(K, probs=p),
    }


def _offset(classes: int) -> dict[str, Any]:
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
        raise ValueError("theory.counts_csv and theory.image_folder: give one of them")
    if counts_csv is not None:
        return _from_csv(Path(str(counts_csv)))
    return None if image_folder is None else _from_folder(Path(str(image_folder)))


def _from_csv(path: Path) -> Floats:
    if not path.is_file():
        raise ValueError(f"theory.counts_csv={path}: no such file")
    with path.open(newline="") as file:
        cells = [row[-1].strip() for row in csv.reader(file) if row]
    numbers = cells[1:] if cells and not _number(cells[0]) else cells  # a header may stand above
    if not numbers or not all(cell.isdigit() and int(cell) > 0 for cell in numbers):
        raise ValueError(f"theory.counts_csv={path}: its last column must hold whole numbers above 0, one per class")
    return np.array(numbers, dtype=np.float64)


def _number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _from_folder(root: Path) -> Floats:
    start = root / "train" if (root / "train").is_dir() else root
    folders = [folder for folder in sorted(start.glob("*")) if folder.is_dir()]
    counts = [sum(path.suffix.lower() in SUFFIXES for path in folder.rglob("*")) for folder in folders]
    if not any(counts):
        raise ValueError(
            f"theory.image_folder={root}: needs one folder of images per class, or train/ with such folders"
        )
    return np.array([count for count in counts if count], dtype=np.float64)
