"""What a sweep shows, in plain words, and no more than its seeds carry."""

import pandas as pd

from contrastive_lab.report.grid import Grid, choose
from contrastive_lab.report.inference import (
    SEEDS,
    WRONG,
    Estimate,
    seeds_for_difference,
    seeds_for_equivalence,
    t_interval,
)
from contrastive_lab.report.labels import is_accuracy, pair, shown, title, unit
from contrastive_lab.report.paired import Trend, differences, enough, over_images, trend
from contrastive_lab.report.stats import texts

PAIRED = (
    "Settings are compared seed by seed: order of the data and views are the same for a seed, the negatives that are "
    "drawn are not."
)


def no_axis(grid: Grid) -> list[str]:
    """That x varies alone nowhere, and what would; nothing where it does."""
    if grid.alone:
        return []
    others = [key for key in grid.keys if key != grid.x and choose(grid.sweep, key).alone]
    if others:
        return [f"No two settings differ in {grid.x} alone, so no figure against it is drawn; x={others[0]} has one."]
    return [
        f"No axis varies alone: any two of the {len(grid.settings)} settings differ in more than one of "
        f"{', '.join(grid.keys)}, so no figure against one of them is drawn. The tables and the scatter have all runs."
    ]


def verdict(grid: Grid) -> list[str]:
    """Sentences: the highest mean; for each hue how the metric goes with x, and what is enough; hue against hue."""
    found = grid.summary(grid.y)
    found = found[found["n"] > 0]
    if grid.sweep.done.empty:
        return ["No run has finished yet."]
    if found.empty:
        return [f"No finished run has {title(grid.y)}; without labelled test images nothing is probed."]
    if len(found) == 1:
        return [f"{title(grid.y)}: {_value(found, grid.y)}. One setting; nothing to compare it with."]
    best = found.loc[[found["mean"].idxmax()]]
    highest = (
        f"Highest mean of {title(grid.y)}: {_value(best, grid.y)} at {grid.label(best.iloc[0]) or 'the only setting'}."
        f" It was picked as the highest of {len(found)}, so it is likely to lie somewhat above what more seeds would "
        "give."
    )
    if (found["n"] < 2).all():
        single = "Every setting has one seed: whether they differ cannot be told."
        return [highest, *no_axis(grid), single, *_doubts(grid)]
    trends = [trend(grid, line, grid.y) for line in grid.lines]
    told = [_trend(grid, line, each) for line, each in zip(grid.lines, trends, strict=True) if each]
    against = [text for line in grid.lines for text in _against_base(grid, line, trends)]
    return [highest, *no_axis(grid), *told, *against, *([PAIRED] if told or against else []), *_doubts(grid)]


def _value(found: pd.DataFrame, metric: str) -> str:
    """The mean of one setting with its unit and what is known of its error."""
    ((low, high, n, binomial),) = found[["low", "high", "n", "wilson"]].to_numpy()
    (text,) = texts(found.drop(columns="wilson"))
    more = f", {low:.1f} to {high:.1f} by the size of the test set alone" if binomial else ""
    return f"{text} {unit(metric)} (n = {n:.0f}{more})".replace("  ", " ")


def _trend(grid: Grid, line: pd.DataFrame, found: Trend) -> str:
    """How the metric of a line goes with x: flat within the margin, rising or falling, or not to be told."""
    first, last = (f"{x:g}" for x in (found.x[0], found.x[-1]))
    span, slope, change = f"from {grid.x} = {first} to {last}", t_interval(found.slopes), t_interval(found.changes)
    name = f"{grid.name(line)}: " if grid.name(line) else ""
    if slope.n < 2:
        return f"{name}one seed has all {grid.x}: {_way(grid, change.mean)} {span}, without an interval."
    each = f"{_way(grid, slope.mean)} per doubling of {grid.x} ({_range(slope)})"
    if found.flat(grid.margin):
        text = f"flat within {grid.margin:g} {_points(grid)} {span}, each {grid.x} against each: {each}"
    elif slope.low > 0 or slope.high < 0:
        text = f"{'rises' if slope.mean > 0 else 'falls'} by {each}, {_way(grid, change.mean)} {span}"
    else:
        needed = _needed(grid, change, found.widest)
        text = f"whether it changes {span} cannot be told with n = {slope.n} seeds: {each}; {needed}"
    return f"{name}{text}.{_images(grid, found, over_images(grid, line, found))}" + _enough(
        grid, found, trend(grid, line, "seconds")
    )


def _images(grid: Grid, found: Trend, gap: Estimate | None) -> str:
    """The ends compared over seeds and test images together."""
    if gap is None:
        return ""
    ends = f"{grid.x} = {found.x[-1]:g} less {found.x[0]:g}"
    return f" With other test images as well as other seeds, {ends} is {_way(grid, gap.mean)} ({_range(gap)})."


def _needed(grid: Grid, change: Estimate, widest: Estimate) -> str:
    """How many more seeds would tell."""
    flat, seen = seeds_for_equivalence(widest.sd, grid.margin), seeds_for_difference(change.sd, change.mean)
    return (
        f"{_more(flat, widest.n)} would show it flat within {grid.margin:g} {_points(grid)} if it is, "
        f"{_more(seen, change.n)} would show a change of the size seen here"
    )


def _more(seeds: int, n: int) -> str:
    return "more than 1,000" if seeds >= SEEDS[-1] else f"about {max(1, seeds - n)} more"


def _enough(grid: Grid, found: Trend, seconds: Trend | None) -> str:
    """The smallest x that is equivalent to the largest, and what it saves."""
    x, largest = enough(found, grid.margin), found.x[-1]
    if x is None:
        return ""
    gap = t_interval(found.gap(x, largest))
    text = f" {grid.x} = {x:g} is enough: within {grid.margin:g} {_points(grid)} of {grid.x} = {largest:g} (95 %),"
    text += f" {_way(grid, gap.mean)} ({_range(gap)})"
    if grid.x == "K":
        text += f"; it saves {largest - x:g} of {largest:g} negatives a query"
    if seconds and {x, largest} <= set(seconds.table):
        few, many = (float(seconds.table[key].mean()) for key in (x, largest))
        text += f" and takes {few:.0f} seconds a run instead of {many:.0f}"
    return f"{text}."


def _against_base(grid: Grid, line: pd.DataFrame, trends: list[Trend | None]) -> list[str]:
    """A line against the first one with the same rest, that of alpha = K where the hue is alpha."""
    numbers = [i for i, other in enumerate(grid.lines) if other["marker"].iloc[0] == line["marker"].iloc[0]]
    base, own = grid.lines[numbers[0]], next(i for i, other in enumerate(grid.lines) if other is line)
    if base is line or grid.hue is None:
        return []
    names = f"{grid.name(line)} against {pair(grid.hue, base[grid.hue].iloc[0])}"
    ours, theirs = trends[own], trends[numbers[0]]
    sentences = []
    if ours and theirs:
        gap = t_interval((ours.slopes - theirs.slopes).dropna())
        if gap.n > 1:
            word = "slopes differ by" if gap.low > 0 or gap.high < 0 else "slopes cannot be told apart, they differ by"
            sentences.append(f"{names}: {word} {_way(grid, gap.mean)} per doubling ({_range(gap)}).")
    rows = differences(grid, line, base, grid.y)
    positions = dict(zip(line["at"], line["position"], strict=True))
    named = {
        d: f"{grid.x} = {shown(grid.x, positions[d.at])} ({d.estimate.mean:+.2f}, {_range(d.estimate)})" for d in rows
    }
    clear = [told for d, told in named.items() if d.p < WRONG]
    if rows:
        largest = named[max(rows, key=lambda d: abs(d.estimate.mean))]
        told = f"differs at {', '.join(clear)}" if clear else f"no difference found, the largest at {largest}"
        sentences.append(f"{names}, each {grid.x} by itself, Holm's correction over {len(rows)}: {told}.")
    return sentences


def _doubts(grid: Grid) -> list[str]:
    counts = grid.summary(grid.y)["n"]
    ones, doubts = int((counts == 1).sum()), []
    if ones and (counts > 1).any():
        doubts.append(f"{ones} of {int((counts > 0).sum())} settings have one seed, which says nothing of the spread.")
    if grid.sweep.scale == "laptop":
        doubts.append("scale=laptop is a smoke scale: it shows that the methods work, not what they reach.")
    return doubts


def _points(grid: Grid) -> str:
    return "points" if is_accuracy(grid.y) else unit(grid.y)


def _way(grid: Grid, change: float) -> str:
    return f"{change:+.2f} {_points(grid)}".strip()


def _range(found: Estimate) -> str:
    return f"95 % interval {found.low:+.2f} to {found.high:+.2f}, n = {found.n}"
