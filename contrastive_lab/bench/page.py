"""The page of what was measured: a table with a column for each machine, between two lines of docs/speed.md."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from contrastive_lab.bench.table import number
from contrastive_lab.errors import ConfigError
from contrastive_lab.record.files import write_text
from contrastive_lab.record.speed import Row, Speed, Value, read_speed
from contrastive_lab.report.plot import COLOURS, new_figure, save

BEGIN, END = "<!-- measured: `bench all` writes what stands up to the next such line -->", "<!-- end of measured -->"
FIGURE = "ratios.png"  # in the folder of the machines' files
DRAWN = {  # benchmarks whose ratios are drawn, and what they are of
    "step": "our step by the bare passes",
    "peers": "their SimCLR by ours",
    "views": "their views by ours",
    "folder": "their folder of photos by ours",
}
TINY = "**A tiny run, which shows that it runs and measures nothing.** "


def check_page(page: Path) -> None:
    """Raise a ConfigError where a page has no place for the table."""
    text = page.read_text() if page.is_file() else ""
    if not 0 <= text.find(BEGIN) < text.find(END):
        raise ConfigError(f"--page {page}: must be a file with the lines {BEGIN} and {END}, as docs/speed.md")


def write_page(page: Path, folder: Path) -> None:
    """Draw the ratios of all machines of a folder, and put their table into the page."""
    machines = [read_speed(path) for path in sorted(folder.glob("*.json"))]
    draw(machines, folder / FIGURE)
    shown = f"![Ratios by machine]({os.path.relpath(folder / FIGURE, page.parent)})"
    told = [line.replace("<", "&lt;") for line in (*map(_about, machines), "", *markdown(machines))]
    new = [BEGIN, "", *told, "", shown, "", END]
    text = page.read_text()
    write_text(page, text[: text.index(BEGIN)] + "\n".join(new) + text[text.index(END) + len(END) :])


def markdown(machines: Sequence[Speed]) -> list[str]:
    """The lines of a table: a row for each case and each value that is told of it, a column for each machine."""
    names = [*dict.fromkeys(name for speed in machines for name in speed.benchmarks)]
    head = ["benchmark", "case", "value", *(speed.machine for speed in machines)]
    rows = [row for name in names for row in _rows(name, machines)]
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def _rows(name: str, machines: Sequence[Speed]) -> Iterator[list[str]]:
    """The rows of a benchmark."""
    found = [speed.benchmarks.get(name) for speed in machines]
    told = dict.fromkeys(value for each in found if each for value in each.told)
    cells: dict[tuple[str, str], list[Value]] = {}
    for at, each in enumerate(found):
        for row in each.rows if each else []:
            for value in (value for value in told if value in row.values):
                cells.setdefault((row.case, value), [None] * len(machines))[at] = row.values[value]
    for (case, value), own in cells.items():
        yield [f"`{name}`", case, value, *map(number, own)]


def _about(speed: Speed) -> str:
    """A line on a machine."""
    own = speed.environment
    return (
        f"- {speed.machine}: {TINY if speed.tiny else ''}torch {own.get('torch')}, Python {own.get('python')}, "
        f"commit {own.get('git')}"
    )


def draw(machines: Sequence[Speed], path: Path) -> None:
    """Draw the ratios of each machine: medians, and bars from the least to the most of a turn."""
    panels = [name for name in DRAWN if _ratios(name, machines)]
    cases = {name: [*dict.fromkeys(row.case for row in _ratios(name, machines))] for name in panels}
    heights = [len(cases[name]) for name in panels] or [1]
    figure = new_figure(7.5, 1 + 0.8 * len(panels) + 0.25 * sum(heights))
    grid = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    for name, axes in zip(panels, grid, strict=False):
        for place, speed in enumerate(machines):
            _points(axes, cases[name], _ratios(name, [speed]), place, speed.machine)
        axes.axvline(1, color="0.5", linewidth=0.8)
        axes.set_yticks(range(len(cases[name])), cases[name])
        axes.set_ylim(len(cases[name]) - 0.5, -0.5)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 1.2, 1.5, 2, 3, 5)))
        axes.xaxis.set_major_formatter("{x:g}")  # 0.5 and 2, not 5e-01 and 2 x 10^0
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_title(f"{name}: {DRAWN[name]}", fontsize=9, loc="left")
        axes.grid(alpha=0.3)
    if panels:
        figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", frameon=False)
    save(figure, path.with_suffix(""), ["png"])


def _points(axes: Axes, cases: list[str], rows: list[Row], place: int, label: str) -> None:
    """The ratios of a machine, a little lower for each in front of it."""
    least, x, most = ([row.values[name] or 0.0 for row in rows] for name in ("least", "ratio", "most"))
    reach = [np.subtract(x, least), np.subtract(most, x)]
    at = [cases.index(row.case) + 0.2 * place for row in rows]
    color = COLOURS[place % len(COLOURS)]
    axes.errorbar(x, at, xerr=reach, linestyle="", marker="o", capsize=2, color=color, label=label)


def _ratios(name: str, machines: Sequence[Speed]) -> list[Row]:
    """The rows of a benchmark that have a ratio with its extremes."""
    found = (row for speed in machines if name in speed.benchmarks for row in speed.benchmarks[name].rows)
    return [row for row in found if {"ratio", "least", "most"} <= {*row.values}]
