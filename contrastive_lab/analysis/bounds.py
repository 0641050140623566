"""The bounds against K + 1 in closed form or measured on stored runs: Arora et al. 2019, Nozawa & Sato 2021.

In closed form also Bao et al. 2022 and Ash et al. 2022, which are finite at every K.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from contrastive_lab.analysis.bounds_figure import plot_closed_form, plot_run, plot_sweep
from contrastive_lab.analysis.bounds_of_runs import measured_rows, run_folders
from contrastive_lab.analysis.result import AnalysisResult, Location, Row, checked
from contrastive_lab.analysis.small_k_figure import plot_small_k
from contrastive_lab.config.model import Settings
from contrastive_lab.errors import ConfigError
from contrastive_lab.theory.bounds.collapsed import collapsed_terms
from contrastive_lab.theory.bounds.envelope import small_k_columns
from contrastive_lab.theory.bounds.terms import columns


def _even(value: int) -> int:
    if value % 2:
        raise ValueError("an even number, 2 or more")
    return value


Draws = Annotated[int, Field(ge=2)]


class BoundsSettings(Settings):
    """Settings of `theory=bounds`."""

    classes: list[Draws] = Field(
        min_length=1, examples=[[10, 100]], description="C of the features that show the class alone; a run has its own"
    )
    draws: Draws | list[Draws] | None = Field(description="K + 1, one or a list; null: a grid, a run's own K + 1")
    tau: Annotated[float, Field(gt=0)] | None = Field(description="temperature; null: 0.5, a run's own")
    run: Location = Field(description="folder of a run to measure instead")
    sweep: Location = Field(description="folder in which all runs are measured instead, at any depth")
    views: Annotated[int, AfterValidator(_even)] = Field(ge=2, description="augmented views of each image in the means")
    passes: int = Field(ge=1, description="times the test images are dealt into batches of K + 1, with new views")
    seed: int = Field(description="of views and batches")
    data_dir: Location = Field(description="where the data set of the runs is; null: where it was")


def run(**values: Any) -> AnalysisResult:
    """A row for each K + 1 with every term and every bound in nats, as `bounds.Terms` and its functions name them.

    Args:
        values: as `BoundsSettings` describes them.

    Raises:
        ConfigError: on a setting that is out of range.
        ValueError: on a folder without a run that can be measured.
    """
    s = checked(BoundsSettings, values)
    grid = [s.draws] if isinstance(s.draws, int) else s.draws
    if grid == []:
        raise ConfigError("theory.draws=[]: must be null, or one or a list of whole numbers, 2 or more")
    if s.run is None and s.sweep is None:
        return _closed_form(s.classes, grid, s.tau or 0.5)
    folders = run_folders(s.run, s.sweep)
    rows = measured_rows(folders, grid, s.tau, s.data_dir, views=s.views, passes=s.passes, seed=s.seed)
    return AnalysisResult(rows, plot_run(rows[0]) if len(rows) == 1 else plot_sweep(rows))


def _closed_form(classes: Sequence[int], grid: Sequence[int] | None, tau: float) -> AnalysisResult:
    rows = [_row(N, C, tau) for C in classes for N in grid or default_grid(C)]
    panels = {f"C = {C}, tau = {tau:g}": [row for row in rows if row["classes"] == C] for C in dict.fromkeys(classes)}
    near = [row for row in rows if grid or row["draws"] >= row["classes"] / 2]  # below, the coupon bound is infinite
    return AnalysisResult(rows, plot_closed_form(near), {"tau": tau, **_best(rows)}, {"small_k": plot_small_k(panels)})


def _row(N: int, C: int, tau: float) -> Row:
    terms = collapsed_terms(N, C, tau)
    return {"classes": C, "draws": N, **columns(terms), **small_k_columns(terms, N - 1, tau, classes=C)}


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
