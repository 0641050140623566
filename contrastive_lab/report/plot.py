"""What the figures of a report share: axes, colours, what bands mean, and the three kinds of files."""

import math
import textwrap
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from contrastive_lab.record.sweep import order
from contrastive_lab.report.grid import Grid
from contrastive_lab.report.labels import label, shown, wrapped
from contrastive_lab.report.ran import subject

KINDS = ("png", "pdf", "svg")
NOTE = 48  # letters of a line of the note above a figure, which a narrow window shows
SHORT = 16  # letters of a name of which a narrow window shows two side by side
MOST_BANDS = 6  # of one panel, through which the lines are still seen
MOST_LINES = 12  # that have a panel each, or a name each in a figure of costs
# Okabe & Ito's colours, told apart by the colour-blind too; yellow is left out, it does not show on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "p", "d")
DASHES = ("-", "--", ":", "-.")
Style = dict[str, Any]


class Scale:
    """Where values lie on an x axis: numbers as they are, on a logarithm of base 2 if they span a factor of 8 or more.

    Texts, infinity, and numbers of which some would lie upon each other, as 0, 0.9, 0.99 and 0.999, are spaced evenly,
    texts in the order in which they come. Null, as of a setting that is off, has a position of its own, which makes
    texts of numbers.
    """

    def __init__(self, values: Iterable[Any]) -> None:
        found = sorted({order(value): value for value in values}.values(), key=lambda value: order(value)[:2])
        known = [value for value in found if value is not None]
        self.numbers = known == found and all(
            isinstance(v, int | float) and not isinstance(v, bool) and v != math.inf for v in known
        )
        self.values = known if self.numbers else found
        self.log = self.numbers and bool(known) and known[0] > 0 and known[-1] >= 8 * known[0]
        gaps = [after - before for before, after in pairwise(known)] if self.numbers and not self.log else []
        self.even = not self.numbers or (bool(gaps) and min(gaps) < (known[-1] - known[0]) / 30)

    def position(self, value: Any) -> float:
        """Position of one of the values on the axis."""
        return float(self.values.index(value)) if self.even else float(value)

    def apply(self, axes: Axes, key: str) -> None:
        """The label, and ticks at the values that lie at least a sixteenth of the axis behind the tick before."""
        if self.log:
            axes.set_xscale("log", base=2)
        spots = [math.log2(value) if self.log else self.position(value) for value in self.values]
        kept: list[int] = []
        for i, spot in enumerate(spots):
            if not kept or spot - spots[kept[-1]] >= (spots[-1] - spots[0]) / 16:
                kept.append(i)
        texts = [shown(key, self.values[i]) for i in kept]
        turned: dict[str, Any] = {"rotation": 25, "ha": "right"} if len("  ".join(texts)) > 60 else {}
        axes.set_xticks([self.position(self.values[i]) for i in kept], texts, **turned)
        axes.minorticks_off()
        axes.set_xlabel("loss" if key == "loss" else label(key))  # the setting: its names, not the mean in nats


def styled() -> AbstractContextManager[None]:
    """The look of all figures, within a `with`: two axes without a frame, equal svg files for equal data.

    Names are shown as they are, a dollar among them.
    """
    look: Any = {"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False}
    look["text.parse_math"] = False
    return mpl.rc_context({**look, "svg.hashsalt": "contrastive_lab"})


def new_figure(width: float, height: float) -> Figure:
    """An empty figure; sizes in inches."""
    return Figure(figsize=(width, height), layout="constrained")


def save(figure: Figure, stem: Path, kinds: Iterable[str] = KINDS) -> None:
    """Write a figure in some of `KINDS`, without the date; its layout is made once."""
    if layout := figure.get_layout_engine():
        layout.execute(figure)
        figure.set_layout_engine(None)
    for kind in kinds:
        date = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(kind, {})
        figure.savefig(stem.with_suffix(f".{kind}"), dpi=150, metadata=date)


def styles(grid: Grid) -> list[Style]:
    """Colour by hue, marker and dashes by all else that varies, for each line; no two are the same up to 12 lines."""
    pairs = grid.settings.groupby("line")[["colour", "marker"]].first()
    several, found = int(pairs["marker"].max()) + 1, []
    for i, j in pairs.to_numpy().tolist():
        turn = j + several * (i // len(COLOURS))  # with the colours used up, the markers go on
        found.append(
            {
                "color": COLOURS[i % len(COLOURS)],
                "marker": MARKERS[turn % len(MARKERS)],
                "linestyle": DASHES[turn % len(DASHES)],
            }
        )
    return found


def x_colours(grid: Grid) -> dict[Any, Any]:
    """A colour for each position on the x axis, from dark to light; grey for null."""
    values = Scale(grid.settings["position"]).values
    colours = [mpl.colormaps["viridis"](0.88 * i / max(1, len(values) - 1)) for i in range(len(values))]
    return {order(None): "0.5", **dict(zip(map(order, values), colours, strict=True))}


def banded(grid: Grid) -> bool:
    """Whether the lines of a panel are few enough for a band each."""
    return len(grid.lines) <= MOST_BANDS


def apart(grid: Grid) -> bool:
    """Whether lines are few enough for a panel each."""
    return len(grid.lines) <= MOST_LINES


def seeds(n: Iterable[int]) -> str:
    """Numbers of seeds above one as text, "n = 3 seeds" or "n = 2 to 5 seeds"; empty without."""
    several = sorted({number for number in n if number > 1})
    ends = f"{several[0]} to {several[-1]}" if several[1:] else "".join(map(str, several))
    return f"n = {ends} seeds" if several else ""


def headed(grid: Grid, note: str) -> str:
    """What stands above a figure: method and data set, then a note."""
    return "\n".join(filter(None, (subject(grid.sweep, NOTE), note)))


def error_note(grid: Grid, metric: str) -> str:
    """What the bands and bars of a figure are."""
    found = grid.summary(metric)
    notes = []
    if several := seeds(found["n"]):
        crowded = f"means of {several}; with {len(grid.lines)} lines the intervals are in the csv alone"
        named = not Scale(grid.settings["position"][grid.settings["done"] > 0]).numbers
        alone = ", bars where a line has one point" if any(len(line) == 1 for line in grid.lines) and not named else ""
        kind = "bars" if named else "bands"
        notes.append(f"{kind}: 95 % t interval over {several}{alone}" if banded(grid) else crowded)
    if (found["n"] == 1).any():
        bars = "bars: 95 % binomial interval (Wilson) of the test images, not the spread over seeds"
        bars = bars if found["wilson"].any() else "no interval known"
        notes.append(f"n = 1 {'for some' if several else 'seed'}, {bars}")
    return "\n".join(textwrap.fill(note, NOTE) for note in notes)


def band_note(n: Iterable[int]) -> str:
    """What the bands of curves are, by the seeds behind each."""
    counts = [*n]
    several = seeds(counts)
    notes = [f"bands: 95 % t interval over {several}, step by step"] if several else []
    notes += [f"n = 1 {'for some' if several else 'seed'}, no band"] if 1 in counts else []
    return "\n".join(notes)


def legend_below(axes: Axes, *others: Axes) -> float:
    """One legend for axes that lie upon each other, below them; returns about how high it is, in inches.

    It begins at the left, in one column, so that a window that shows part of the figure shows all of it.
    """
    pairs = [ax.get_legend_handles_labels() for ax in (axes, *others)]
    handles = [handle for found, _ in pairs for handle in found]
    labels = [wrapped(text, 40) for _, found in pairs for text in found]
    if labels and labels != [axes.get_ylabel()]:
        below = axes.transAxes + ScaledTranslation(0, -0.58, axes.figure.dpi_scale_trans)
        axes.legend(handles, labels, loc="upper left", bbox_to_anchor=(0, 0), bbox_transform=below, fontsize=9)
    return 0.19 * max(1, sum(text.count("\n") + 1 for text in labels))


def legend_outside(figure: Figure, handles: Sequence[Artist]) -> None:
    """One legend below all panels of a figure, which grows by it; in two columns where all names are short."""
    if not handles:
        return
    labels = [wrapped(str(handle.get_label()), 40) for handle in handles]
    columns = 2 if max(map(len, labels)) <= SHORT else 1
    lines = sum(text.count("\n") + 1.4 for text in labels) / columns
    figure.set_figheight(figure.get_figheight() + 0.2 + 0.17 * lines)
    figure.legend(handles, labels, loc="outside lower left", fontsize=9, ncols=columns)
