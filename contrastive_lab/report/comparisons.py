"""Every two settings that a report compares, in a table: what is known of them, and how many more seeds would tell."""

import math
from functools import lru_cache

import pandas as pd

from contrastive_lab.report.grid import Grid
from contrastive_lab.report.inference import difference, further_seeds, t_interval
from contrastive_lab.report.labels import pair, shown
from contrastive_lab.report.paired import (
    OPEN,
    Difference,
    against_reference,
    base_of,
    differences,
    each_against_each,
    gap_of,
    trend,
)
from contrastive_lab.report.planned import planned

Named = tuple[str, Difference]


@lru_cache(maxsize=1)  # of the last grid, for the csv and the page
def comparisons(grid: Grid) -> pd.DataFrame:
    """A row for each comparison, with the columns of `table`.

    First those that were planned; then for each line its slope, each x less the reference and each x less each other,
    and, of the line less the one it is compared with, the slope and each x.
    """
    found = [(f"planned: {d.at}", d) for d in planned(grid)]
    for line in grid.lines:
        x = {at: pair(grid.x, value) for at, value in zip(line["at"], line["position"], strict=True)}
        name, own, slope = grid.name(line), trend(grid, line, grid.y), f"slope per doubling of {grid.x}"
        head = f"{name}: " if name else ""
        found += _slope(head + slope, own.slopes, own.slope_step) if own else []
        each = [*against_reference(grid, line, grid.y), *each_against_each(grid, line, grid.y)]
        found += [(f"{head}{x[d.at]} less {x[d.less]}", d) for d in each]
        if (base := base_of(grid, line)) is not None:
            theirs, head = trend(grid, base, grid.y), f"{name} less {grid.name(base)}: "
            if own and theirs and (gap := gap_of(own, theirs)):
                over = "" if own.x == theirs.x else f" over {', '.join(shown(grid.x, x) for x in gap.x)}"
                found += _slope(head + slope + over, gap.slopes, gap.slope_step)
            found += [(head + x[d.at], d) for d in differences(grid, line, base, grid.y)]
    return table(found, grid.margin)


def _slope(name: str, slopes: pd.Series, step: float) -> list[Named]:
    """The slopes of seeds as a comparison; whether y is flat is told by pairs of x, not by the slope."""
    if slopes.count() < 2:
        return []
    found, p = t_interval(slopes, step), float(difference(slopes, step))
    return [(name, Difference(name, None, found, None, p, math.nan, 1))]


def table(found: list[Named], margin: float) -> pd.DataFrame:
    """A row for each comparison.

    Its columns are mean, 95 % interval, n and standard deviation over seeds, in the unit of y; the interval over test
    images too, where these were stored; the p values that both are equal and that they differ by the margin, after
    Holm's correction over `tests` comparisons; what is `told`; and where it cannot be told, how many more seeds would
    show in four of five tries that both are the same, and a difference of the size seen; inf for more than 1,000.
    """
    rows = []
    for name, d in found:
        images = {f"images_{key}": getattr(d.images, key) for key in ("low", "high") if d.images}
        tests = {"p": d.p, "p_equal": d.equal, "tests": d.tests, "told": d.told}
        same, seen = further_seeds(d.estimate, margin, d.tests) if d.told in OPEN else (math.nan, math.nan)
        more = {"more_seeds_same": math.nan if math.isnan(d.equal) else same, "more_seeds_difference": seen}
        rows.append({"comparison": name, **d.estimate._asdict(), **images, **tests, **more})
    return pd.DataFrame(rows or {"comparison": []})
