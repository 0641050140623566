"""One line against another, in words: the slopes, and each x by itself."""

import pandas as pd

from contrastive_lab.report.grid import Grid
from contrastive_lab.report.inference import further_seeds, t_interval
from contrastive_lab.report.labels import pair, shown, signed
from contrastive_lab.report.paired import ALONE, OPEN, UNCLEAR, Difference, Trend, base_of, differences, gap_of
from contrastive_lab.report.sentences import interval, interval_of, margin, seeds_more, way

KINDS = {  # what is told of an x, in the order in which it is said
    "differs": "differs at",
    "differs, though the same": "differs, though the same within {margin}, at",
    "the same": "the same within {margin} at",
    ALONE: f"{ALONE}, at",
    UNCLEAR: "cannot be told at",
}


def against_base(grid: Grid, line: pd.DataFrame, trends: list[Trend | None]) -> list[str]:
    """A line against the one it is compared with: the slopes, and each x by itself."""
    if (base := base_of(grid, line)) is None:
        return []
    theirs, ours = (found for found, other in zip(trends, grid.lines, strict=True) if other is base or other is line)
    positions = dict(zip(line["at"], line["position"], strict=True))
    rows = {shown(grid.x, positions[d.at]): d for d in differences(grid, line, base, grid.y)}
    head = f"{grid.name(line)} against {pair(str(grid.hue), base[grid.hue].iloc[0])}"
    return [head + sentence for sentence in (*slopes_apart(grid, ours, theirs), *apart(grid, rows))]


def slopes_apart(grid: Grid, ours: Trend | None, theirs: Trend | None) -> list[str]:
    """Whether the slopes of two lines differ, over the x and the seeds that both have; nothing where these are one."""
    both = gap_of(ours, theirs) if ours and theirs else None
    if not (ours and theirs and both):
        return []
    gap = t_interval(both.slopes, both.slope_step)
    if gap.n < 2:
        return []
    all_shared = ours.x == theirs.x
    over = "" if all_shared else f" over {grid.x} = {', '.join(shown(grid.x, x) for x in both.x)}, which both have,"
    each = f"{way(grid, gap.mean)} per doubling ({interval_of(gap)})"
    more = seeds_more(further_seeds(gap, grid.margin)[1])
    if gap.clear:
        return [f": slopes{over} differ by {each}."]
    return [f": slopes{over} cannot be told apart, they differ by {each}; {more} would show a difference of that size."]


def apart(grid: Grid, rows: dict[str, Difference]) -> list[str]:
    """Where two lines differ, by the names of x."""
    if not rows:
        return []
    named = {x: f"{grid.x} = {x} ({signed(d.estimate.mean)}, {interval(d)})" for x, d in rows.items()}
    told = []
    for kind, words in KINDS.items():
        own = {x: d for x, d in rows.items() if d.told == kind}
        if own:
            text = f"{words.format(margin=margin(grid))} {', '.join(named[x] for x in own)}"
            if kind in OPEN:
                same, seen = map(
                    max, zip(*(further_seeds(d.estimate, grid.margin, d.tests) for d in own.values()), strict=True)
                )
                more = f"{seeds_more(same)} would show each the same if it is"
                text += f"; {f'{seeds_more(seen)} would show differences of this size' if kind == ALONE else more}"
            told.append(text)
    text = "; ".join(told)
    return [f", each {grid.x} by itself, Holm's correction over {len(rows)}: {text}."]
