"""What Nozawa & Sato 2021 measured, for the figure of a sweep: means over seeds 7, 11, 13.

Read in the outputs of the authors' public notebook bound.ipynb. `linear_top1` is the linear classifier on h; `half_sub`
is L_sub / 2 and `d` is d(f), as their table prints them, to two decimals. The coverages are theirs for CIFAR-10; for
CIFAR-100 the columns are those where it is 0.62 or 1: below, their number is rounding error (`theory.coupon.naive`).
"""

from typing import Any

from contrastive_lab.theory.bounds.terms import Terms, repo_half_sub

TABLES: dict[str, dict[str, list[Any]]] = {
    "cifar10": {
        "draws": [32, 64, 128, 256, 512],
        "mean_top1": [72.75, 75.30, 77.22, 78.60, 80.12],
        "linear_top1": [82.02, None, 85.43, 86.68, 87.66],
        "L_info": [2.02, 2.64, 3.29, 3.96, 4.64],
        "d": [-1.16, -1.17, -1.18, -1.18, -1.19],
        "collision": [1.32, 1.93, 2.58, 3.26, 3.94],
        "half_sub": [0.26, 0.01, 0, 0, 0],
        "upsilon": [0.69, None, 1, 1, 1],
    },
    "cifar100": {
        "draws": [128, 256, 384, 512, 640, 768, 896, 1024],
        "mean_top1": [32.74, 34.22, 35.27, 35.98, 36.58, 37.10, 36.84, 37.50],
        "linear_top1": [57.92, 58.91, None, 59.30, None, None, None, 59.46],
        "L_info": [3.32, 3.98, 4.38, 4.66, 4.88, 5.06, 5.21, 5.34],
        "d": [-0.99, -0.98, -0.97, -0.97, -0.96, -0.95, -0.96, -0.95],
        "collision": [0.69, 1.15, 1.48, 1.73, 1.93, 2.10, 2.24, 2.37],
        "half_sub": [1.82, 1.93, 1.66, 0.75, 0.20, 0.04, 0.01, 0],
        "upsilon": [None, None, None, 0.62, None, None, None, 1],
    },
    "ag_news": {
        "draws": [16, 32, 64, 128, 256, 512],
        "mean_top1": [87.09, 88.41, 89.12, 89.38, 89.47, 89.54],
        "linear_top1": [87.11, 87.94, 89.05, 89.49, 89.62, 89.45],
    },
}


def published(dataset: str) -> list[dict[str, float | None]]:
    """A row for each K + 1 of the authors' table of a data set, with the coupon bound in their form; empty for others.

    `repo_half_sub` is computed here from the printed numbers.
    """
    table = TABLES.get(dataset, {})
    rows = [dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)]
    return [{**row, "repo_half_sub": _coupon(row)} for row in rows]


def _coupon(row: dict[str, Any]) -> float | None:
    if not row.get("upsilon"):
        return None
    known = {name: row[name] for name in ("L_info", "collision", "d", "upsilon")}
    return repo_half_sub(Terms(**dict.fromkeys(Terms._fields, 0.0) | known | {"sub": 2 * row["half_sub"]}))
