"""What a sweep shows, in plain sentences, and no more than its seeds carry."""

import math
from collections.abc import Iterable

import pandas as pd

from contrastive_lab.config.identity import within
from contrastive_lab.record.sweep import order
from contrastive_lab.report.grid import Grid, choose
from contrastive_lab.report.inference import (
    WRONG,
    Estimate,
    further_seeds,
    t_interval,
)
from contrastive_lab.report.labels import is_accuracy, pair, shown, title, unit
from contrastive_lab.report.paired import (
    ALONE,
    OPEN,
    UNCLEAR,
    Difference,
    Trend,
    against_reference,
    base_of,
    differences,
    trend,
)
from contrastive_lab.report.planned import planned
from contrastive_lab.report.stats import texts

DRAWS = ("K", "sets", "own_class_share")  # settings that draw other negatives
# Those that leave order of the data and views as they are for a seed.
SHARED = (
    *DRAWS, "alpha", "tau", "loss", "remember", "dclw_sigma", "base_lr", "optim", "head", "backbone", "batchnorm",
    "evaluation", "probes", "method.momentum",
)  # fmt: skip


def no_axis(grid: Grid) -> list[str]:
    """That x varies alone nowhere, and what would; nothing where it does."""
    if grid.alone:
        return []
    others = [key for key in grid.keys if key != grid.x and choose(grid.sweep, key).alone]
    if others:
        return [f"No two settings differ in {grid.x} alone, so there is no figure against it; x={others[0]} has one."]
    return [
        f"No axis varies alone: any two of the {len(grid.settings)} settings differ in more than one of "
        f"{', '.join(grid.keys)}, so there is no figure against one of them. The tables and the scatter have all runs."
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
    told = [text for line, each in zip(grid.lines, trends, strict=True) if (text := _line(grid, line, each))]
    against = [text for line in grid.lines for text in _against_base(grid, line, trends)]
    plan, paired = _planned(grid), [_paired(grid)] if told or against else []
    return [*plan, highest, *no_axis(grid), *told, *against, *paired, *_doubts(grid)]


def _planned(grid: Grid) -> list[str]:
    """What the experiment set out to compare."""
    found = planned(grid)
    head = f"Planned before the runs, {title(grid.y)} seed by seed, Holm's correction over {len(found)}:"
    return [head] * bool(found) + [f"{d.at}: {_judged(grid, d)}." for d in found]


def _paired(grid: Grid) -> str:
    """What settings of the same seed share."""
    axes = [key for key in (grid.x, grid.hue) if key]
    keys = [key for key in (grid.sweep.varied if "arm" in axes else axes) if key not in ("arm", "seed")]
    if others := [key for key in keys if not within(key, SHARED)]:
        key = " or ".join(others)
        return f"Settings are compared seed by seed; order and views of the data need not be those of another {key}."
    draws = [key for key in keys if key in DRAWS]
    more = f", the negatives that are drawn are not the same for another {' or '.join(draws)}" if draws else ""
    return f"Settings are compared seed by seed: order of the data and views are the same for a seed{more}."


def _value(found: pd.DataFrame, metric: str) -> str:
    """The mean of one setting with its unit and what is known of its error."""
    ((low, high, n, binomial),) = found[["low", "high", "n", "wilson"]].to_numpy()
    (text,) = texts(found.drop(columns="wilson"))
    more = f", {low:.1f} to {high:.1f} by the size of the test set alone" if binomial else ""
    return f"{text} {unit(metric)} (n = {n:.0f}{more})".replace("  ", " ")


def _line(grid: Grid, line: pd.DataFrame, found: Trend | None) -> str:
    """How the metric of a line goes with x, and each x against the reference where x has no slope; empty without."""
    reference, levels = against_reference(grid, line, grid.y)
    positions = dict(zip(line["at"], line["position"], strict=True))
    named = {shown(grid.x, positions[d.at]): d for d in levels}
    scale = [order(x) for x in found.x] if found else []
    aside = {name: d for name, d in named.items() if d.at not in scale}
    beside = {name: d for name, d in named.items() if d.at in scale and d.images}
    sentences = [_trend(grid, found), _enough(grid, found, levels, trend(grid, line, "seconds"))] if found else []
    head = f"against {pair(grid.x, positions.get(reference))}"
    if beside:
        told = "; ".join(f"{name} is {_way(grid, d.estimate.mean)} ({_interval(d)})" for name, d in beside.items())
        sentences.insert(1, f"Each {grid.x} {head}: {told}.")
    if aside:
        if found:
            sentences.append(f"Slope and flatness count doublings and leave out {grid.x} = {', '.join(aside)}.")
        told = "; ".join(f"{name} {_judged(grid, d)}" for name, d in aside.items())
        sentences.append(
            f"{'Each' if found else 'each'} {grid.x} {head}, Holm's correction over {len(levels)}: {told}."
        )
    name = f"{grid.name(line)}: " if grid.name(line) and sentences else ""
    return name + " ".join(filter(None, sentences))


def _trend(grid: Grid, found: Trend) -> str:
    """How the metric goes with x: flat within the margin, rising or falling, or not to be told."""
    first, last = (f"{x:g}" for x in (found.x[0], found.x[-1]))
    span, slope, change = f"from {grid.x} = {first} to {last}", t_interval(found.slopes), t_interval(found.changes)
    if slope.n < 2:
        return f"one seed has all {grid.x}: {_way(grid, change.mean)} {span}, without an interval."
    each = f"{_way(grid, slope.mean)} per doubling of {grid.x} ({_range(slope)})"
    if found.flat(grid.margin):
        return f"flat within {_margin(grid)} {span}, each {grid.x} against each: {each}."
    if slope.clear:
        return f"{'rises' if slope.mean > 0 else 'falls'}: {each}, {_way(grid, change.mean)} {span}."
    same, seen = further_seeds(found.widest, grid.margin)[0], further_seeds(change, grid.margin)[1]
    needed = _needed(grid, "flat", same, seen)
    return f"whether it changes {span} cannot be told with n = {slope.n} seeds: {each}; {needed}."


def _judged(grid: Grid, d: Difference) -> str:
    """One x against another: whether they differ, are the same within the margin, or cannot be told apart."""
    relation = d.told.replace("the same", f"it is the same within {_margin(grid)}")
    relation = relation if d.p < WRONG else relation.replace("it is", "is")
    if d.told in OPEN:
        unclear = f"cannot be told apart with n = {d.estimate.n} seeds" if d.told == UNCLEAR else d.told
        relation = f"{unclear}; {_needed(grid, 'the same', *further_seeds(d.estimate, grid.margin))}"
    return f"{_way(grid, d.estimate.mean)} ({_interval(d)}) {relation}"


def _interval(d: Difference) -> str:
    """The interval over seeds, and the one over test images too."""
    more = f"; {d.images.low:+.2f} to {d.images.high:+.2f} with other test images as well" if d.images else ""
    return _range(d.estimate) + more


def _needed(grid: Grid, relation: str, same: float, seen: float) -> str:
    """How many more seeds would tell."""
    return (
        f"{_more(same)} would show it {relation} within {_margin(grid)} if it is, "
        f"{_more(seen)} would show a change of the size seen here"
    )


def _more(seeds: float) -> str:
    return "more than 1,000" if math.isinf(seeds) else f"about {seeds} more"


def _enough(grid: Grid, found: Trend, levels: Iterable[Difference], seconds: Trend | None) -> str:
    """The smallest x that is equivalent to the largest, and what it saves."""
    x, largest = found.enough(grid.margin), found.x[-1]
    if x is None:
        return ""
    (gap,) = (d for d in levels if d.at == order(x))
    text = f"{grid.x} = {x:g} is enough: within {_margin(grid)} of {grid.x} = {largest:g} (tests at 5 %),"
    text += f" {_way(grid, gap.estimate.mean)} ({_interval(gap)})"
    if grid.x == "K":
        text += f"; it saves {largest - x:g} of {largest:g} negatives a query"
    if seconds and {x, largest} <= set(seconds.table):
        few, many = (float(seconds.table[key].mean()) for key in (x, largest))
        text += f" and takes {few:.0f} seconds a run instead of {many:.0f}"
    return f"{text}."


def _against_base(grid: Grid, line: pd.DataFrame, trends: list[Trend | None]) -> list[str]:
    """A line against the one it is compared with: the slopes, and each x by itself."""
    if (base := base_of(grid, line)) is None:
        return []
    theirs, ours = (found for found, other in zip(trends, grid.lines, strict=True) if other is base or other is line)
    positions = dict(zip(line["at"], line["position"], strict=True))
    rows = {shown(grid.x, positions[d.at]): d for d in differences(grid, line, base, grid.y)}
    head = f"{grid.name(line)} against {pair(str(grid.hue), base[grid.hue].iloc[0])}"
    return [head + sentence for sentence in (*_slopes_apart(grid, ours, theirs), *_apart(grid, rows))]


def _slopes_apart(grid: Grid, ours: Trend | None, theirs: Trend | None) -> list[str]:
    """Whether the slopes of two lines differ, over the seeds that have both; nothing where fewer than two have."""
    gap = t_interval(ours.slopes - theirs.slopes) if ours and theirs else None
    if gap is None or gap.n < 2:
        return []
    told = "slopes differ by" if gap.clear else "slopes cannot be told apart, they differ by"
    return [f": {told} {_way(grid, gap.mean)} per doubling ({_range(gap)})."]


def _apart(grid: Grid, rows: dict[str, Difference]) -> list[str]:
    """Where two lines differ, by the names of x."""
    if not rows:
        return []
    named = {x: f"{grid.x} = {x} ({d.estimate.mean:+.2f}, {_interval(d)})" for x, d in rows.items()}
    clear = [named[x] for x, d in rows.items() if d.p < WRONG]
    alone = [named[x] for x, d in rows.items() if d.p >= WRONG and d.estimate.clear]
    told = [f"differs at {', '.join(clear)}"] if clear else []
    told += [f"{ALONE}, at {', '.join(alone)}"] if alone else []
    largest = max(rows, key=lambda x: abs(rows[x].estimate.mean))
    text = "; ".join(told) or f"no difference found, the largest at {named[largest]}"
    return [f", each {grid.x} by itself, Holm's correction over {len(rows)}: {text}."]


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


def _margin(grid: Grid) -> str:
    points = "point" if grid.margin == 1 and is_accuracy(grid.y) else _points(grid)
    return f"{grid.margin:g} {points}"


def _way(grid: Grid, change: float) -> str:
    return f"{change:+.2f} {_points(grid)}".strip()


def _range(found: Estimate) -> str:
    return f"95 % interval {found.low:+.2f} to {found.high:+.2f}, n = {found.n}"
