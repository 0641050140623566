"""Settings of a sweep compared seed by seed."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations, zip_longest
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from contrastive_lab.record.sweep import order
from contrastive_lab.report import inference
from contrastive_lab.report.grid import Grid
from contrastive_lab.report.inference import WRONG, Estimate, holm, over_seeds_and_images, slopes, t_interval
from contrastive_lab.report.stats import finite

ALONE, UNCLEAR = "differs at 5 % alone, not after Holm's correction", "cannot be told"
OPEN = (ALONE, UNCLEAR)


@dataclass(frozen=True, eq=False)
class Trend:
    """A metric of one line against x: a row of `table` for each seed, NaN where it lacks an x, a column for each x.

    The x ascend, and at least one seed has all of them. The metric comes in steps, see `inference.t_interval`.
    """

    table: pd.DataFrame
    step: float = 0.0

    @cached_property
    def x(self) -> list[float]:
        """The values of x."""
        return [float(str(x)) for x in self.table]

    @cached_property
    def slopes(self) -> pd.Series:
        """Change for each doubling of x, of each seed that has all x."""
        values = self.table.to_numpy()
        whole = ~np.isnan(values).any(axis=1)
        return pd.Series(slopes(self.x, values[whole]), self.table.index[whole])

    @cached_property
    def slope_step(self) -> float:
        """The step of `slopes`."""
        return inference.slope_step(self.x, self.step)

    @property
    def widest(self) -> Estimate:
        """The gap of two x whose interval reaches farthest from 0, one without an interval first."""
        found = t_interval(inference.gaps(self.table), self.step)
        reach = np.where(found.n > 1, np.maximum(abs(found.low), abs(found.high)), math.inf)
        return Estimate(*(part[reach.argmax()] for part in found))

    def flat(self, margin: float) -> bool:
        """Whether all x are equivalent to each other."""
        return bool(inference.flat(self.table, margin, self.step))

    def enough(self, margin: float) -> float | None:
        """The smallest x that is equivalent to the largest, as are all between them."""
        below = int(inference.equal_to_last(self.table, margin, self.step))
        return self.x[-1 - below] if below else None

    @property
    def ends(self) -> pd.Series:
        """The largest x less the smallest, as measured, by seed."""
        return (self.table.iloc[:, -1] - self.table.iloc[:, 0]).dropna()


def trend(grid: Grid, line: pd.DataFrame, metric: str) -> Trend | None:
    """The slope of a line, where its x are two or more finite numbers above 0 and one seed has them all.

    Where two seeds have not all x in common, those that the fewest seeds have are left out, down to two.
    """
    numbers = {at: x for at, x in zip(line["at"], line["position"], strict=True) if has_slope(x)}
    table = _side(grid, line, metric).values
    table = table[[at for at in table if at in numbers]]
    table.columns = pd.Index([float(numbers[at]) for at in table])
    table = _common(table.sort_index(axis="columns"))
    return None if table.shape[1] < 2 or table.dropna().empty else Trend(table, grid.step(metric))


def _common(table: pd.DataFrame) -> pd.DataFrame:
    """The columns that two seeds have in common; all of them where there are no such two."""
    some = table
    while some.shape[1] > 2 and len(some.dropna()) < 2:
        some = some.drop(columns=some.count().iloc[::-1].idxmin())
    return some if len(some.dropna()) > 1 else table


def gap_of(ours: Trend, theirs: Trend) -> Trend | None:
    """One line less another, seed by seed, over the x that both have: slopes over others would not be comparable.

    None where fewer than two x are shared, or no seed has all of these in both lines.
    """
    shared = [x for x in ours.table if x in theirs.table]
    table = ours.table[shared] - theirs.table[shared]
    return None if len(shared) < 2 or table.dropna().empty else Trend(table, max(ours.step, theirs.step))


def has_slope(x: Any) -> bool:
    """Whether an x is a finite number above 0, which has a logarithm."""
    return isinstance(x, int | float) and not isinstance(x, bool) and 0 < x < math.inf


class Difference(NamedTuple):
    """One setting less another over the seeds that both have, and over their test images too where these were stored.

    `p` is of a paired t test, `equal` of two one-sided ones that they are within the margin, each after Holm's
    correction over the `tests` comparisons that are made with it.
    """

    at: Any
    less: Any
    estimate: Estimate
    images: Estimate | None
    p: float
    equal: float
    tests: int

    @property
    def told(self) -> str:
        """Whether the two differ, are the same within the margin, or cannot be told apart, in words."""
        same = "the same" if self.equal < WRONG else ""
        if self.p < WRONG:
            return "differs, though the same" if same else "differs"
        return same or (ALONE if self.estimate.clear else UNCLEAR)


class Side(NamedTuple):
    """The metric of a line's runs and their folders, by seed and position on the x axis."""

    values: pd.DataFrame
    runs: pd.DataFrame


def differences(grid: Grid, line: pd.DataFrame, base: pd.DataFrame, metric: str) -> list[Difference]:
    """A line less another at each x that two seeds or more of both have."""
    ours, theirs = _side(grid, line, metric), _side(grid, base, metric)
    return compared(grid, metric, [(at, ours, theirs, at) for at in ours.values if at in theirs.values])


def base_of(grid: Grid, line: pd.DataFrame) -> pd.DataFrame | None:
    """What a line is compared with: the first one with the same rest, that of alpha = K where the hue is alpha."""
    base = next(other for other in grid.lines if other["marker"].iloc[0] == line["marker"].iloc[0])
    return None if grid.hue is None or base is line else base


def each_against_each(grid: Grid, line: pd.DataFrame, metric: str) -> list[Difference]:
    """Every two x of a line, neither of which is its reference."""
    own, reference = _side(grid, line, metric), reference_of(grid, line, metric)
    pairs = combinations([at for at in own.values if at != reference], 2)
    return compared(grid, metric, [(at, own, own, there) for at, there in pairs])


def against_reference(grid: Grid, line: pd.DataFrame, metric: str) -> list[Difference]:
    """Each other x of a line less its reference."""
    own, reference = _side(grid, line, metric), reference_of(grid, line, metric)
    return compared(grid, metric, [(at, own, own, reference) for at in own.values if at != reference])


def reference_of(grid: Grid, line: pd.DataFrame, metric: str) -> Any:
    """The place on the x axis that the others of a line are compared with, None where no run has the metric.

    It is the largest x of the slope, where two or more are numbers above 0, else the x that the sweep names first.
    """
    if found := trend(grid, line, metric):
        return order(found.x[-1])
    rows = line[line["at"].isin(list(_side(grid, line, metric).values))]
    if rows.empty:
        return None
    numbers = rows[rows["position"].map(has_slope)]
    first = min(rows.index, key=list(dict.fromkeys(grid.setting)).index)
    return max(numbers["at"]) if numbers["at"].nunique() > 1 else rows["at"][first]


def values(grid: Grid, metric: str) -> pd.Series:
    """A metric of the finished runs; NaN where it is no finite number, or no run has it yet."""
    return finite(grid.samples[metric]) if metric in grid.samples else pd.Series(math.nan, grid.samples.index)


def _side(grid: Grid, line: pd.DataFrame, metric: str) -> Side:
    return _sides(grid, metric).get(line["line"].iloc[0], Side(pd.DataFrame(), pd.DataFrame()))


@lru_cache(maxsize=2)  # of the last grid, by the metric and by seconds
def _sides(grid: Grid, metric: str) -> dict[Any, Side]:
    """The runs that have a metric, by the number of their line."""
    own = grid.samples[["setting", "sample"]].join(grid.settings[["line", "at"]], on="setting")
    own = own.assign(value=values(grid, metric), run=own.index).dropna(subset="value")
    own = own.drop_duplicates(["line", "sample", "at"], keep="last").set_index(["sample", "at"])
    return {number: Side(rows["value"].unstack(), rows["run"].unstack()) for number, rows in own.groupby("line")}


def compared(grid: Grid, metric: str, pairs: Iterable[tuple[Any, Side, Side, Any]]) -> list[Difference]:
    """Each `at` of one side less `there` of another, where two seeds or more have both, with Holm's correction."""
    told = [(pair, (pair[1].values[pair[0]] - pair[2].values[pair[3]]).dropna()) for pair in pairs]
    several = [(pair, gap) for pair, gap in told if len(gap) > 1]
    if not several:
        return []
    gaps, step = np.array([*zip_longest(*(gap for _, gap in several), fillvalue=math.nan)]).T, grid.step(metric)
    estimates = map(Estimate._make, zip(*t_interval(gaps, step), strict=True))
    tests = holm(inference.difference(gaps, step)), holm(inference.equivalence(gaps, grid.margin, step))
    found = []
    for ((at, ours, theirs, there), gap), estimate, p, equal in zip(several, estimates, *tests, strict=True):
        sides = ((*side.runs[key].loc[gap.index],) for side, key in ((ours, at), (theirs, there)))
        images = over_images(grid, metric, *sides)
        if images:  # of equal seeds, whose deviation is taken to be that of rounding, it would be narrower
            images = images._replace(low=min(images.low, estimate.low), high=max(images.high, estimate.high))
        found.append(Difference(at, there, estimate, images, float(p), float(equal), len(several)))
    return found


@lru_cache(maxsize=512)  # of the last grids: the verdict and the table of comparisons compare the same settings
def over_images(grid: Grid, metric: str, *sides: tuple[Any, ...]) -> Estimate | None:
    """One setting less another over their seeds and test images, by the runs of both in the order of their seeds.

    None where one did not store them.
    """
    stored: list[list[Any]] = []
    for runs in sides:
        stored.append([])
        for run in runs:
            right = grid.right(str(run), metric.removesuffix("_top1"))
            if right is None or len(right) != len((stored[0] or [right])[0]):
                return None
            stored[-1].append(right)
    return over_seeds_and_images(*stored)
