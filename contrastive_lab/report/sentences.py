"""What is known of one difference, and of how a metric goes with x, in words."""

import math
from collections.abc import Iterable

from contrastive_lab.record.sweep import order
from contrastive_lab.report.grid import Grid
from contrastive_lab.report.inference import WRONG, Estimate, further_seeds, t_interval
from contrastive_lab.report.labels import is_accuracy, signed, unit
from contrastive_lab.report.paired import OPEN, UNCLEAR, Difference, Trend


def with_x(grid: Grid, found: Trend) -> str:
    """How the metric goes with x: flat within the margin, rising or falling, or not to be told."""
    first, last = (f"{x:g}" for x in (found.x[0], found.x[-1]))
    span, slope = f"from {grid.x} = {first} to {last}", t_interval(found.slopes, found.slope_step)
    if slope.n < 2:
        change = float(found.ends[found.slopes.index[0]])
        return f"one seed has all {grid.x}: {way(grid, change)} {span}, without an interval."
    each = f"{way(grid, slope.mean)} per doubling of {grid.x} ({interval_of(slope)})"
    if found.flat(grid.margin):
        return f"flat within {margin(grid)} {span}, each {grid.x} against each: {each}."
    if slope.clear:
        ends = t_interval(found.ends, found.step)
        said = f"{'rises' if slope.mean > 0 else 'falls'}: {each}, measured {way(grid, ends.mean)} {span}"
        against = slope.mean * ends.mean < 0
        return f"{said} ({interval_of(ends)}){': it bends, and goes up and down' if against else ''}."
    same, seen = further_seeds(found.widest, grid.margin)[0], further_seeds(slope, grid.margin)[1]
    more = needed(grid, "flat", same, seen)
    return f"whether it changes {span} cannot be told with n = {slope.n} seeds: {each}; {more}."


def enough(grid: Grid, found: Trend, levels: Iterable[Difference], seconds: Trend | None) -> str:
    """The smallest x that is equivalent to the largest, and what it saves."""
    x, largest = found.enough(grid.margin), found.x[-1]
    if x is None:
        return ""
    (gap,) = (d for d in levels if d.at == order(x))
    text = f"{grid.x} = {x:g} is enough: within {margin(grid)} of {grid.x} = {largest:g} (tests at 5 %),"
    text += f" {way(grid, gap.estimate.mean)} ({interval(gap)})"
    if grid.x == "K":
        text += f"; it saves {largest - x:g} of {largest:g} negatives a query"
    if seconds and {x, largest} <= set(seconds.table):
        few, many = (float(seconds.table[key].mean()) for key in (x, largest))
        text += f" and takes {few:.0f} seconds a run instead of {many:.0f}" * (f"{few:.0f}" != f"{many:.0f}")
    return f"{text}."


def judged(grid: Grid, d: Difference) -> str:
    """One x against another: whether they differ, are the same within the margin, or cannot be told apart."""
    relation = d.told.replace("the same", f"it is the same within {margin(grid)}")
    relation = relation if d.p < WRONG else relation.replace("it is", "is")
    if d.told in OPEN:
        unclear = f"cannot be told apart with n = {d.estimate.n} seeds" if d.told == UNCLEAR else d.told
        relation = f"{unclear}; {needed(grid, 'the same', *further_seeds(d.estimate, grid.margin, d.tests))}"
    return f"{way(grid, d.estimate.mean)} ({interval(d)}) {relation}"


def interval(d: Difference) -> str:
    """The interval over seeds, and the one over test images too."""
    more = f"; {signed(d.images.low)} to {signed(d.images.high)} with other test images as well" if d.images else ""
    return interval_of(d.estimate) + more


def needed(grid: Grid, relation: str, same: float, seen: float) -> str:
    """How many more seeds would tell."""
    return (
        f"{seeds_more(same)} would show it {relation} within {margin(grid)} if it is, "
        f"{seeds_more(seen)} would show a change of the size seen here"
    )


def seeds_more(seeds: float) -> str:
    """How many more seeds, in words."""
    return "more than 1,000" if math.isinf(seeds) else f"about {seeds} more"


def points_of(grid: Grid) -> str:
    """What the metric is counted in."""
    return "points" if is_accuracy(grid.y) else unit(grid.y)


def margin(grid: Grid) -> str:
    """The margin with its unit."""
    points = "point" if grid.margin == 1 and is_accuracy(grid.y) else points_of(grid)
    return f"{grid.margin:g} {points}"


def way(grid: Grid, change: float) -> str:
    """A change with its sign and unit."""
    return f"{signed(change)} {points_of(grid)}".strip()


def interval_of(found: Estimate) -> str:
    """The interval of an estimate, and its n."""
    return f"95 % interval {signed(found.low)} to {signed(found.high)}, n = {found.n}"
