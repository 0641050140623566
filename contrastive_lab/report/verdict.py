"""What a sweep shows, in plain sentences, and no more than its seeds carry."""

import numpy as np
import pandas as pd

from contrastive_lab.config.identity import within
from contrastive_lab.record.sweep import order
from contrastive_lab.report.against import against_base
from contrastive_lab.report.grid import Grid, choose
from contrastive_lab.report.labels import pair, shown, title, unit
from contrastive_lab.report.paired import (
    Difference,
    Trend,
    against_reference,
    has_slope,
    trend,
)
from contrastive_lab.report.planned import planned
from contrastive_lab.report.sentences import enough, interval, judged, way, with_x
from contrastive_lab.report.stats import texts

SENTENCE = 3  # comparisons that go into one sentence
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
    told = [text for line, each in zip(grid.lines, trends, strict=True) for text in _line(grid, line, each)]
    against = [text for line in grid.lines for text in against_base(grid, line, trends)]
    plan, paired = _planned(grid), [_paired(grid)] if told or against else _unpaired(grid)
    return [*plan, highest, *no_axis(grid), *told, *against, *paired, *_doubts(grid)]


def _planned(grid: Grid) -> list[str]:
    """What the experiment set out to compare."""
    found = planned(grid)
    head = f"Planned comparisons, {title(grid.y)} seed by seed"
    if len(found) > 1:
        head += (
            f", Holm's correction over {len(found)} so that all of them hold together. What is said of one line below"
        )
        head += " is a test by itself and may tell what these do not"
    return [f"{head}:"] * bool(found) + [f"{d.at}: {judged(grid, d)}." for d in found]


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


def _unpaired(grid: Grid) -> list[str]:
    """That nothing can be compared seed by seed; nothing where two settings share two seeds."""
    has = pd.crosstab(grid.samples["sample"].map(str), grid.samples["setting"]).clip(upper=1)
    shared = np.array(has.T @ has)
    np.fill_diagonal(shared, 0)
    if shared.max() > 1:
        return []
    told = "No two settings share two seeds, so none is compared with another"
    return [f"{told}; the same seeds for all of them would pair them."]


def _value(found: pd.DataFrame, metric: str) -> str:
    """The mean of one setting with its unit and what is known of its error."""
    ((low, high, n, binomial),) = found[["low", "high", "n", "wilson"]].to_numpy()
    (text,) = texts(found.drop(columns="wilson"))
    more = f", {low:.1f} to {high:.1f} by the size of the test set alone" if binomial else ""
    return f"{text} {unit(metric)} (n = {n:.0f}{more})".replace("  ", " ")


def _line(grid: Grid, line: pd.DataFrame, found: Trend | None) -> list[str]:
    """How the metric of a line goes with x, and each x against the reference where x has no slope; empty without."""
    levels = against_reference(grid, line, grid.y)
    positions = dict(zip(line["at"], line["position"], strict=True))
    named = {shown(grid.x, positions[d.at]): d for d in levels}
    scale = [order(x) for x in found.x] if found else []
    aside = {name: d for name, d in named.items() if d.at not in scale}
    beside = {name: d for name, d in named.items() if d.at in scale and d.images}
    more: list[str] = []
    sentences = [with_x(grid, found), enough(grid, found, levels, trend(grid, line, "seconds"))] if found else []
    head = f"against {pair(grid.x, positions[levels[0].less])}" if levels else ""
    if beside:
        told = "; ".join(f"{name} is {way(grid, d.estimate.mean)} ({interval(d)})" for name, d in beside.items())
        sentences.append(f"Each {grid.x} {head}: {told}.")
    if aside:
        if found:
            sentences.append(f"Slope and flatness count doublings and leave out {grid.x} = {', '.join(aside)}.")
        each = {name: judged(grid, d) for name, d in aside.items()}
        few = len(each) <= SENTENCE
        told = f" {'; '.join(f'{name} {text}' for name, text in each.items())}." if few else ""
        sentences.append(f"{'Each' if found else 'each'} {grid.x} {head}, Holm's correction over {len(levels)}:{told}")
        more = [] if few else [f"{grid.x} = {name}: {text}." for name, text in each.items()]
    sentences += _left_out(grid, line, found, aside) if found and found.slopes.count() > 1 else []
    name = f"{grid.name(line)}: " if grid.name(line) else ""
    text = " ".join(filter(None, sentences))
    return [name + text, *more] if text else []


def _left_out(grid: Grid, line: pd.DataFrame, found: Trend, aside: dict[str, Difference]) -> list[str]:
    """The x with a slope's kind of number that are not in it, as fewer than two seeds share them with the others."""
    have = line[(grid.summary(grid.y)["n"].reindex(line.index) > 0) & line["position"].map(has_slope)]
    names = [shown(grid.x, x) for at, x in zip(have["at"], have["position"], strict=True) if at[1] not in found.x]
    names = [name for name in names if name not in aside]
    return [f"{grid.x} = {', '.join(names)} is left out: fewer than two seeds have it and the others."] if names else []


def _doubts(grid: Grid) -> list[str]:
    counts = grid.summary(grid.y)["n"]
    ones, doubts = int((counts == 1).sum()), []
    if ones and (counts > 1).any():
        doubts.append(f"{ones} of {int((counts > 0).sum())} settings have one seed, which says nothing of the spread.")
    if grid.sweep.scale == "laptop":
        doubts.append("scale=laptop is a smoke scale: it shows that the methods work, not what they reach.")
    return doubts
