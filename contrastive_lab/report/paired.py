"""Settings of a sweep compared seed by seed."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from contrastive_lab.record.right import read_right
from contrastive_lab.record.sweep import order
from contrastive_lab.report.grid import Grid
from contrastive_lab.report.inference import (
    WRONG,
    Estimate,
    equivalence,
    holm,
    over_seeds_and_images,
    slopes,
    t_interval,
)
from contrastive_lab.report.stats import finite


@dataclass(frozen=True, eq=False)
class Trend:
    """A metric of one line against x: a row of `table` for each seed, NaN where it lacks an x, a column for each x.

    The x ascend, and at least one seed has all of them.
    """

    table: pd.DataFrame

    @property
    def x(self) -> list[float]:
        """The values of x."""
        return [float(str(x)) for x in self.table]

    @property
    def slopes(self) -> pd.Series:
        """Change for each doubling of x, of each seed that has all x."""
        whole = self.table.dropna()
        return pd.Series(slopes(self.x, whole.to_numpy()), whole.index)

    def gap(self, x: float, other: float) -> pd.Series:
        """The metric at one x less that at another, of each seed that has both."""
        return (self.table[x] - self.table[other]).dropna()

    @property
    def gaps(self) -> list[pd.Series]:
        """The gaps of all pairs of x."""
        return [self.gap(x, other) for i, x in enumerate(self.x) for other in self.x[:i]]

    @property
    def widest(self) -> Estimate:
        """The gap whose interval reaches farthest from 0, one without an interval first."""
        pairs = map(t_interval, self.gaps)
        return max(pairs, key=lambda pair: max(abs(pair.low), abs(pair.high)) if pair.n > 1 else math.inf)

    def flat(self, margin: float) -> bool:
        """Whether all x are equivalent to each other, each pair by two one-sided tests at 5 %.

        All of them have to hold, so that no correction is needed: the chance of a wrong "flat" is at most 5 %.
        """
        return all(equivalence(gap, margin) < WRONG for gap in self.gaps)

    @property
    def changes(self) -> pd.Series:
        """Change from the smallest to the largest x along the slope, by seed."""
        changes: pd.Series = self.slopes * math.log2(self.x[-1] / self.x[0])
        return changes


def by_seed(grid: Grid, line: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Values of the metric by seed (rows) and place on the x axis (columns), of the finished runs of a line."""
    own = grid.samples[grid.samples["setting"].isin(line.index)]
    values = own.assign(at=own["setting"].map(line["at"]), value=finite(own[metric]) if metric in own else math.nan)
    return values.pivot_table(index="sample", columns="at", values="value", aggfunc="last")


def trend(grid: Grid, line: pd.DataFrame, metric: str) -> Trend | None:
    """The slope of a line, where its x are two or more finite numbers above 0 and one seed has them all."""
    numbers = {at: x for at, x in zip(line["at"], line["position"], strict=True) if _number(x)}
    table = by_seed(grid, line, metric)
    table = table[[at for at in table if at in numbers]]
    table.columns = pd.Index([float(numbers[at]) for at in table])
    table = table.sort_index(axis="columns")
    return None if table.shape[1] < 2 or table.dropna().empty else Trend(table)


def _number(x: Any) -> bool:
    return isinstance(x, int | float) and not isinstance(x, bool) and 0 < x < math.inf


def enough(found: Trend, margin: float) -> float | None:
    """The smallest x that is equivalent to the largest, tested from the second largest down until one is not.

    In this order no correction for several tests is needed: the chance of a wrong one among them stays at 5 %.
    """
    *below, largest = found.x
    smallest = None
    for x in reversed(below):
        if equivalence(found.gap(x, largest), margin) >= WRONG:
            break
        smallest = x
    return smallest


def over_images(grid: Grid, line: pd.DataFrame, found: Trend) -> Estimate | None:
    """The largest x less the smallest over seeds and test images, where two seeds stored what they got right."""
    seeds = found.gap(found.x[-1], found.x[0]).index
    own = grid.samples[grid.samples["setting"].isin(line.index) & grid.samples["sample"].isin(seeds)]
    ends = []
    for x in (found.x[-1], found.x[0]):
        setting = line.index[[order(place) == order(x) for place in line["position"]]]
        runs = own[own["setting"].isin(setting)].sort_values("sample").index
        stored = [read_right(grid.sweep.folder / run, grid.y.removesuffix("_top1")) for run in runs]
        ends.append([right for right in stored if right is not None])
    sizes = {len(right) for rows in ends for right in rows}
    whole = all(len(rows) == len(seeds) >= 2 for rows in ends) and len(sizes) == 1
    return over_seeds_and_images(np.stack(ends[0]), np.stack(ends[1])) if whole else None


class Difference(NamedTuple):
    """One setting less another over the seeds that both have; p of a paired t test, after Holm's correction."""

    at: Any
    estimate: Estimate
    p: float


def differences(grid: Grid, line: pd.DataFrame, base: pd.DataFrame, metric: str) -> list[Difference]:
    """A line less another at each x that two seeds or more of both have, corrected by Holm over these x."""
    ours, theirs = by_seed(grid, line, metric), by_seed(grid, base, metric)
    rows = [(at, (ours[at] - theirs[at]).dropna()) for at in ours if at in theirs]
    rows = [(at, values) for at, values in rows if len(values) > 1]
    p = holm([_p(values) for _, values in rows])
    return [Difference(at, t_interval(values), each) for (at, values), each in zip(rows, p, strict=True)]


def _p(values: pd.Series) -> float:
    """The p value of a t test that the mean is 0."""
    if values.std() == 0:
        return float(values.mean() == 0)
    return float(stats.ttest_1samp(values, 0).pvalue)
