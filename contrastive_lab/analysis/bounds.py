"""The bounds against K + 1: Arora et al. 2019 and Nozawa & Sato 2021, in closed form or measured on stored runs."""

import math
from collections.abc import Sequence
from typing import Any

from contrastive_lab.analysis.bounds_figure import draw_closed_form, draw_run, draw_sweep
from contrastive_lab.analysis.bounds_of_runs import measured_rows, run_folders
from contrastive_lab.analysis.result import AnalysisResult
from contrastive_lab.theory.bounds.collapsed import collapsed_terms
from contrastive_lab.theory.bounds.terms import columns


def run(
    classes: Sequence[int],
    draws: int | Sequence[int] | None,
    tau: float | None,
    run: str | None,
    sweep: str | None,
    views: int,
    passes: int,
    seed: int,
    data_dir: str | None,
) -> AnalysisResult:
    """A row for each K + 1 with every term and every bound in nats, as `bounds.Terms` and its functions name them.

    Args:
        classes: numbers of classes C of class-collapsed features on a regular simplex; not used with `run` or `sweep`.
        draws: values of K + 1; None is a grid, for a run its own K + 1.
        tau: temperature; None is 0.5, for a run its own.
        run: folder of a run to measure instead.
        sweep: folder in which all runs are measured instead.
        views: augmented views of each image in mu(x) and mu_c, even.
        passes: times the test images are dealt into batches.
        seed: of views and batches.
        data_dir: where the data set of the runs is; None is where it was.

    Raises:
        ValueError: on a dial that is out of range, or a folder without a run that can be measured.
    """
    grid = [draws] if isinstance(draws, int) else draws
    _check(classes, grid, tau, views, passes)
    if run is None and sweep is None:
        return _closed_form(classes, grid, tau or 0.5)
    folders = run_folders(run, sweep)
    rows = measured_rows(folders, grid, tau, data_dir, views=views, passes=passes, seed=seed)
    return AnalysisResult(rows, draw_run(rows[0]) if len(rows) == 1 else draw_sweep(rows))


def _closed_form(classes: Sequence[int], grid: Sequence[int] | None, tau: float) -> AnalysisResult:
    rows = [
        {"classes": C, "draws": N, **columns(collapsed_terms(N, C, tau))}
        for C in classes
        for N in grid or default_grid(C)
    ]
    return AnalysisResult(rows, draw_closed_form(rows), {"tau": tau, **_best(rows)})


def default_grid(classes: int) -> list[int]:
    """Powers of two and three steps between them, from C / 2 to 16 C."""
    steps = [2, 3, *(step * 2**power for power in range(60) for step in (4, 5, 6, 7))]
    return [N for N in steps if classes / 2 <= N <= 16 * classes]


def _best(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Where on the grid the coupon bound is lowest, for each number of classes."""
    facts: dict[str, Any] = {}
    for C in dict.fromkeys(row["classes"] for row in rows):
        least = min((row for row in rows if row["classes"] == C), key=lambda row: float(row["coupon_exact"]))
        if math.isfinite(least["coupon_exact"]):
            facts |= {f"lowest_coupon_C{C}": least["coupon_exact"], f"at_draws_C{C}": least["draws"]}
    return facts


def _check(classes: Sequence[int], grid: Sequence[Any] | None, tau: Any, views: int, passes: int) -> None:
    if not classes or min(classes) < 2:
        raise ValueError(f"theory.classes={list(classes)}: must be a list of whole numbers, 2 or more")
    if grid is not None and not (isinstance(grid, list) and grid and all(_whole(N) and N >= 2 for N in grid)):
        raise ValueError(f"theory.draws={grid}: must be null, or one or a list of whole numbers, 2 or more")
    if tau is not None and not (isinstance(tau, int | float) and not isinstance(tau, bool) and 0 < tau < math.inf):
        raise ValueError(f"theory.tau={tau}: must be null or above 0")
    if views < 2 or views % 2:
        raise ValueError(f"theory.views={views}: must be an even number, 2 or more")
    if passes < 1:
        raise ValueError(f"theory.passes={passes}: must be 1 or more")


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
