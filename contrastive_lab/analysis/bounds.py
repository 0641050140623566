"""The bounds against K + 1 in closed form or measured on stored runs: Arora et al. 2019, Nozawa & Sato 2021.

In closed form also Bao et al. 2022 and Ash et al. 2022, which are finite at every K, and Awasthi et al. 2022's optimum.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from contrastive_lab.analysis.bounds_figure import by_setting, plot_closed_form, plot_run, plot_sweep
from contrastive_lab.analysis.bounds_of_runs import measured_rows, run_folders
from contrastive_lab.analysis.result import AnalysisResult, Row, checked
from contrastive_lab.analysis.small_k_figure import plot_optimum, plot_small_k
from contrastive_lab.config.theory import Bounds
from contrastive_lab.theory.bounds.awasthi import optimum_rows
from contrastive_lab.theory.bounds.collapsed import collapsed_terms
from contrastive_lab.theory.bounds.envelope import all_columns

OPTIMUM = {"uniform": 0, "p ~ 1/c": 1, "p ~ 1/c^2": 2}  # powers of the priors of the figure of the optimum, c = 1..10


def run(**values: Any) -> AnalysisResult:
    """A row for each K + 1 with every term and every bound in nats, as `bounds.Terms` and its functions name them.

    Args:
        values: as `Bounds` describes them.

    Raises:
        ConfigError: on a setting that is out of range.
        ValueError: on a folder without a run that can be measured.
    """
    s = checked(Bounds, values)
    grid = [s.draws] if isinstance(s.draws, int) else s.draws
    if s.run is None and s.sweep is None:
        return _closed_form(s.classes, grid, s.tau or 0.5)
    folders = run_folders(s.run, s.sweep)
    rows = measured_rows(folders, grid, s.tau, s.data_dir, views=s.views, passes=s.passes, seed=s.seed)
    figure = plot_run(rows[0]) if len(rows) == 1 else plot_sweep(rows)
    return AnalysisResult(rows, figure, further={"small_k": plot_small_k(by_setting(rows))})


def _closed_form(classes: Sequence[int], grid: Sequence[int] | None, tau: float) -> AnalysisResult:
    rows = [_row(N, C, tau) for C in classes for N in grid or default_grid(C)]
    panels = {f"C = {C}, tau = {tau:g}": [row for row in rows if row["classes"] == C] for C in dict.fromkeys(classes)}
    near = [row for row in rows if grid or row["draws"] >= row["classes"] / 2]  # below, the coupon bound is infinite
    further = {"small_k": plot_small_k(panels), "optimum": plot_optimum(_optimum(tau))}
    return AnalysisResult(rows, plot_closed_form(near), {"tau": tau, **_best(rows)}, further)


@lru_cache
def _optimum(tau: float) -> list[Row]:
    """Awasthi et al.'s optimum for 10 classes, at K = 1 to 256; 100 classes take a minute."""
    weights = {name: [c**-power for c in range(1, 11)] for name, power in OPTIMUM.items()}
    priors = {name: [one / sum(each) for one in each] for name, each in weights.items()}
    return optimum_rows(priors, [4**power for power in range(5)], tau)


def _row(N: int, C: int, tau: float) -> Row:
    terms = collapsed_terms(N, C, tau)
    return {"classes": C, "draws": N, **all_columns(terms, N - 1, tau, classes=C)}


def default_grid(classes: int) -> list[int]:
    """Powers of two and three steps between them, from 2 to 16 C."""
    steps = [2, 3, *(step * 2**power for power in range(60) for step in (4, 5, 6, 7))]
    return [N for N in steps if 16 * classes >= N]


def _best(rows: Sequence[Row]) -> Row:
    """Where on the grid the coupon bound is lowest, for each number of classes."""
    facts: Row = {}
    for C in dict.fromkeys(row["classes"] for row in rows):
        least = min((row for row in rows if row["classes"] == C), key=lambda row: float(row["coupon_exact"]))
        if math.isfinite(least["coupon_exact"]):
            facts |= {f"lowest_coupon_C{C}": least["coupon_exact"], f"at_draws_C{C}": least["draws"]}
    return facts
