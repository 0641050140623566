"""What a sweep shows, in plain words, and no more than its standard errors carry."""

from typing import Any

import pandas as pd

from contrastive_lab.report.grid import Grid
from contrastive_lab.report.labels import is_accuracy, pair, shown, title, unit
from contrastive_lab.report.stats import by_chance, in_errors, texts

LISTED = 5  # settings named in a sentence
FEW = 5  # seeds below which a standard error is rough


def verdict(grid: Grid) -> list[str]:
    """Sentences: the highest mean, what it can be told apart from, one hue against another, and the doubts."""
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
    against = [text for line in grid.lines if (text := _against_base(grid, line, found))]
    return [highest, _apart(grid, best.iloc[0], found.drop(best.index)), *against, *_doubts(grid, found["n"])]


def _value(found: pd.DataFrame, metric: str) -> str:
    """The mean of one setting with its unit and what is known of its error."""
    ((error, n),), (text,) = found[["binomial", "n"]].to_numpy(), texts(found)
    more = "" if pd.isna(error) else f", ± {error:.1f} for the size of the test set alone"
    return f"{text} {unit(metric)} (n = {n:.0f}{more})".replace("  ", " ")


def _apart(grid: Grid, best: Any, others: pd.DataFrame) -> str:
    """What the highest mean can be told apart from."""
    gaps = in_errors(best, others).dropna()
    if gaps.empty:
        return f"No setting has two seeds: whether {len(others) + 1} settings differ cannot be judged from this sweep."
    near = [grid.label(setting) for _, setting in others.loc[gaps.index[gaps <= 2]].iterrows()]
    far = f"{len(gaps) - len(near)} of {len(gaps)} other settings"
    text = f"It exceeds {far} by more than 2 standard errors of the difference"
    if near:
        more = f" and {len(near) - LISTED} more" if len(near) > LISTED else ""
        text += f"; not told apart from it: {'; '.join(near[:LISTED])}{more}"
    return f"{text}."


def _against_base(grid: Grid, line: pd.DataFrame, found: pd.DataFrame) -> str:
    """A line against the first one with the same rest, which is InfoNCE where the hue is alpha; empty for that one."""
    base = next(other for other in grid.lines if other["marker"].iloc[0] == line["marker"].iloc[0])
    if base is line or grid.hue is None:
        return ""
    ours, theirs = (found[found["line"] == part["line"].iloc[0]] for part in (line, base))
    both = ours.merge(theirs, on="at", suffixes=("", "_base"))
    gaps = in_errors(both, {"mean": both["mean_base"], "se": both["se_base"]})
    form, of = ("+.2f", " in points") if is_accuracy(grid.y) else ("+.3g", "")
    sides: dict[str, list[str]] = {"higher": [], "lower": [], "within 2 standard errors": []}
    for gap, difference, x in zip(gaps, both["mean"] - both["mean_base"], both["position"], strict=True):
        if not pd.isna(gap):
            side = "within 2 standard errors" if abs(gap) <= 2 else "higher" if gap > 0 else "lower"
            sides[side].append(f"{shown(grid.x, x)} ({difference:{form}})")
    parts = [f"{side} at {grid.x} = {', '.join(named)}" for side, named in sides.items() if named]
    names = f"{grid.name(line)} against {pair(grid.hue, base[grid.hue].iloc[0])}"
    return f"{names}, difference{of}: {'; '.join(parts)}." if parts else ""


def _doubts(grid: Grid, counts: pd.Series) -> list[str]:
    """How far the standard errors can be trusted, and what the scale is."""
    several, ones, doubts = counts[counts > 1], (counts == 1).sum(), []
    if (n := several.min()) < FEW:
        doubts.append(
            f"Standard errors of n = {n} seeds are rough: two equal settings of {n} seeds each differ by more than 2 "
            f"of them in about {100 * by_chance(n):.0f} of 100 comparisons."
        )
    if len(several) and ones:
        doubts.append(f"{ones} of {len(counts)} settings have one seed, which says nothing of the spread.")
    if grid.sweep.scale == "laptop":
        doubts.append("scale=laptop is a smoke scale: it shows that the methods work, not what they reach.")
    return doubts
