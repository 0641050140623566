"""How the lines of a sweep look in all of its figures, and what its bands mean."""

from typing import Any

from contrastive_lab.record.sweep import order
from contrastive_lab.report.grid import Grid
from contrastive_lab.report.plot import COLOURS, DASHES, MARKERS, Scale, ramp

Style = dict[str, Any]


def styles(grid: Grid) -> list[Style]:
    """Colour by hue, marker and dashes by all else that varies, for each line."""
    pairs = grid.settings.groupby("line")[["colour", "marker"]].first().to_numpy().tolist()
    return [
        {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[j % len(MARKERS)], "linestyle": DASHES[j % len(DASHES)]}
        for i, j in pairs
    ]


def x_colours(grid: Grid) -> dict[Any, Any]:
    """A colour for each place on the x axis, from dark to light; grey for null."""
    values = Scale(grid.settings["position"]).values
    return {order(None): "0.5", **dict(zip(map(order, values), ramp(len(values)), strict=True))}


def error_note(grid: Grid, metric: str) -> str:
    """What the bands and bars of a figure are."""
    found = grid.summary(metric)
    several = sorted(set(found["n"][found["n"] > 1]))
    notes = []
    if several:
        n = f"{several[0]}" if len(several) == 1 else f"{several[0]} to {several[-1]}"
        notes.append(f"bands: ± 1 standard error over n = {n} seeds")
    if (found["n"] == 1).any():
        known = found["binomial"].notna().any()
        bars = "bars: binomial standard error of the test set, not the spread over seeds" if known else "no error known"
        notes.append(f"n = 1 {'in places' if several else 'seed'}, {bars}")
    return "\n".join(notes)
