"""How the lines of a sweep look in all of its figures, and what its bands mean."""

from typing import Any

from contrastive_lab.record.sweep import same
from contrastive_lab.report.draw import COLOURS, DASHES, MARKERS, Scale, ramp
from contrastive_lab.report.facts import one_seed_error
from contrastive_lab.report.grid import Grid

Style = dict[str, Any]


def styles(grid: Grid) -> list[Style]:
    """Colour by hue, marker and dashes by all else that varies, for each line."""
    hues = list(dict.fromkeys(same(line.hue) for line in grid.lines))
    rests = list(dict.fromkeys(repr(line.rest) for line in grid.lines))
    places = [(hues.index(same(line.hue)), rests.index(repr(line.rest))) for line in grid.lines]
    return [
        {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[j % len(MARKERS)], "linestyle": DASHES[j % len(DASHES)]}
        for i, j in places
    ]


def x_colours(grid: Grid) -> dict[str, Any]:
    """A colour for each place on the x axis, from dark to light; grey for null."""
    values = Scale(setting.position(grid.x) for setting in grid.settings).values
    return {"None": "0.5", **dict(zip(map(same, values), ramp(len(values)), strict=True))}


def error_note(grid: Grid, metric: str) -> str:
    """What the bands and bars of a figure are."""
    counts = sorted({setting.summary(metric).n for setting in grid.settings} - {0})
    several = [n for n in counts if n > 1]
    notes = []
    if several:
        n = f"{several[0]}" if len(several) == 1 else f"{several[0]} to {several[-1]}"
        notes.append(f"bands: ± 1 standard error over n = {n} seeds")
    if 1 in counts:
        known = any(one_seed_error(setting, metric) is not None for setting in grid.settings)
        bars = "bars: binomial standard error of the test set, not the spread over seeds" if known else "no error known"
        notes.append(f"n = 1 {'in places' if several else 'seed'}, {bars}")
    return "\n".join(notes)
