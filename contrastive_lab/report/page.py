"""One page that opens anywhere: figures, style and script are inside of it, and it asks no network for anything."""

import base64
import os
import shlex
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined

from contrastive_lab.record.sweep import Run, Sweep, same
from contrastive_lab.report.draw import KINDS
from contrastive_lab.report.facts import reference_metrics, references
from contrastive_lab.report.grid import Grid
from contrastive_lab.report.labels import order, shown, title, unit
from contrastive_lab.report.stats import decimals
from contrastive_lab.report.tables import METRICS, measured, setting_cells
from contrastive_lab.report.verdict import verdict


@dataclass(frozen=True)
class Picture:
    """A figure that lies beside the page as png, pdf and svg.

    Args:
        stem: path without its ending.
        title: above it.
        note: below it.
    """

    stem: Path
    title: str
    note: str

    @property
    def source(self) -> str:
        """The svg as a data address."""
        return "data:image/svg+xml;base64," + base64.b64encode(self.stem.with_suffix(".svg").read_bytes()).decode()

    @property
    def links(self) -> dict[str, str]:
        """Addresses of the files as seen from the page."""
        return {kind: quote(f"figures/{self.stem.name}.{kind}") for kind in KINDS}


def page(grid: Grid, pictures: list[Picture], out: Path) -> str:
    """The text of report.html.

    Args:
        grid: the sweep.
        pictures: its figures, already written.
        out: the folder of the page; links to runs are relative to it.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((files(__package__) / "page.html").read_text())
    sweep = grid.sweep
    axes = [f"{name}={key}" for name, key in (("x", grid.x), ("hue", grid.hue)) if key]
    return template.render(
        sweep=sweep,
        title=sweep.experiment.get("title") or sweep.name,
        counts=counts(sweep),
        y=title(grid.y),
        varied=varied(sweep),
        verdict=verdict(grid),
        pictures=pictures,
        table=setting_cells(grid),
        paper={title(metric): paper_table(grid, metric) for metric in reference_metrics(grid)},
        runs=run_table(grid, out),
        failures=[failure(run, out) for run in sweep.status("failed", "interrupted")],
        again=shlex.join(["python", "scripts/report.py", f"sweep={sweep.folder}", *axes]),
    )


def counts(sweep: Sweep) -> dict[str, int]:
    """Runs by status; those without a meaning here are left out unless there are some."""
    found = {name: len(sweep.status(name)) for name in ("done", "failed", "interrupted", "running", "missing")}
    return {name: n for name, n in found.items() if n or name in ("done", "failed", "missing")}


def varied(sweep: Sweep) -> dict[str, str]:
    """Each varied key with its values in words."""
    found = {}
    for key in sweep.varied:
        values = sorted({same(run.value(key)): run.value(key) for run in sweep.runs}.values(), key=order)
        found[key] = ", ".join(shown(key, value) for value in values)
    return found


def run_table(grid: Grid, out: Path) -> dict[str, Any]:
    """Head and rows of the table of runs: cells with what to show and what to sort by."""
    columns = list(dict.fromkeys((grid.y, *METRICS)))
    columns = [name for name in columns if any(run.number(name) is not None for run in grid.sweep.runs)]
    rows = []
    for run in grid.sweep.runs:
        told = [(shown(key, run.value(key)), _sort(run.value(key))) for key in grid.sweep.varied]
        numbers = [(run.number(name), run.result.get(name)) for name in columns]
        got = [
            ("" if n is None and v is None else f"{v:.4g}" if n is None else _digits(n), _sort(n)) for n, v in numbers
        ]
        rows.append({"name": run.name, "link": link(run, out), "status": run.status, "cells": [*told, *got]})
    return {
        "head": [*((key, "") for key in grid.sweep.varied), *((title(name), unit(name)) for name in columns)],
        "rows": rows,
    }


def failure(run: Run, out: Path) -> dict[str, Any]:
    """What is said of a run that came to a bad end."""
    lines = str(run.result.get("error") or "no error was written down").strip().splitlines()
    return {"name": run.name, "link": link(run, out), "status": run.status, "line": lines[-1]}


def link(run: Run, out: Path) -> str:
    """Address of a run's folder as seen from the page; empty where there is none yet."""
    return (
        quote(os.path.relpath(run.folder, out).replace(os.sep, "/"), safe="/=,+@") + "/" if run.folder.is_dir() else ""
    )


def paper_table(grid: Grid, metric: str) -> list[list[str]]:
    """The paper's numbers for a metric beside ours, where it was measured here, a row for each x."""
    known = references(grid, metric)
    lines = grid.lines if metric in measured(grid) else []
    places = {s.place(grid.x): s.position(grid.x) for s in grid.settings}
    places |= {same(x): x for reference in known for x, _ in reference["points"]}
    heads = [
        " ".join(f"{r.get('label', 'paper')}, {r.get('dataset', '')}; {r.get('source', '')}".split()) for r in known
    ]
    rows = [
        [
            grid.x,
            *(f"paper: {head}".rstrip("; ") for head in heads),
            *(f"here: {grid.name(line)}".rstrip(": ") for line in lines),
        ]
    ]
    precision = decimals(setting.summary(metric) for setting in grid.settings)
    for text, x in sorted(places.items(), key=lambda item: order(item[1])):
        theirs = [next((f"{y:g}" for place, y in r["points"] if same(place) == text), "") for r in known]
        ours = [
            next((s.summary(metric).text(precision) for s in line.settings if s.place(grid.x) == text), "")
            for line in lines
        ]
        rows.append([shown(grid.x, x), *theirs, *ours])
    return rows


def _digits(number: float) -> str:
    return f"{number:.4g}" if abs(number) < 1e4 else f"{number:.0f}"


def _sort(value: Any) -> str:
    """What a cell is sorted by; empty cells come last."""
    return "" if value is None else str(value)
