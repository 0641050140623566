"""One page that opens anywhere: figures, style and script are inside of it, and it asks no network for anything."""

import base64
import math
import os
import shlex
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pandas as pd
from jinja2 import Environment, StrictUndefined

from contrastive_lab.program import program
from contrastive_lab.record.result import Status
from contrastive_lab.record.sweep import Sweep, order
from contrastive_lab.report.grid import Grid, known, y_metric
from contrastive_lab.report.labels import is_accuracy, shown, title, unit
from contrastive_lab.report.plot import KINDS
from contrastive_lab.report.ran import departures, ran
from contrastive_lab.report.references import reference_metrics, references
from contrastive_lab.report.stats import texts
from contrastive_lab.report.tables import LOGGED_LAST, METRICS, comparison_cells, measured, setting_cells
from contrastive_lab.report.verdict import no_axis

Picture = dict[str, Any]
FILES = (*KINDS, "csv")  # of a figure


class Cell(NamedTuple):
    """What a table shows, what it sorts by, and whether most other runs have another."""

    text: str
    value: str
    odd: bool = False


def picture(stem: Path, heading: str, note: str) -> Picture:
    """A figure that lies beside the page at `stem` with each of the endings `FILES`; its svg goes into the page."""
    svg = base64.b64encode(stem.with_suffix(".svg").read_bytes()).decode()
    links = {kind: quote(f"figures/{stem.name}.{kind}") for kind in FILES}
    return {"title": heading, "note": note, "source": f"data:image/svg+xml;base64,{svg}", "links": links}


def page(grid: Grid, sentences: list[str], pictures: list[Picture], out: Path) -> str:
    """The text of report.html in the folder `out`, with the sentences of `verdict`."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    source = {name: (files(__package__) / f"page.{name}").read_text() for name in ("html", "css", "js")}
    template = environment.from_string(source["html"])
    sweep = grid.sweep
    axes = [f"{name}={key}" for name, key in (("x", grid.x), ("hue", grid.hue)) if key]
    axes += [f"y={grid.y}"] if grid.y != y_metric(sweep, None) else []
    return template.render(
        sweep=sweep,
        title=sweep.experiment.get("title") or sweep.name,
        counts=counts(sweep),
        y=title(grid.y),
        varied=varied(sweep),
        ran=ran(sweep),
        departures=departures(sweep),
        verdict=sentences,
        missing=no_axis(grid) or ["Nothing to plot yet."],
        style=source["css"],
        script=source["js"],
        pictures=pictures,
        table=setting_cells(grid),
        comparisons=comparison_cells(grid),
        margin=f"{grid.margin:g}",
        paper={title(metric): paper_table(grid, metric) for metric in reference_metrics(grid)},
        runs=run_table(grid, out),
        failures=failures(sweep, out),
        again=f"{program('report')} {shlex.join([f'sweep={sweep.folder}', *axes, f'margin={grid.margin:g}'])}",
    )


def counts(sweep: Sweep) -> dict[str, int]:
    """Runs by status; interrupted and running ones are left out where there are none."""
    found = {status: int((sweep.results["status"] == status).sum()) for status in Status}
    return {status: n for status, n in found.items() if n or status not in (Status.INTERRUPTED, Status.RUNNING)}


def varied(sweep: Sweep) -> dict[str, str]:
    """Each varied key with its values as text, words as they come first in the sweep."""
    values = {key: {order(value): shown(key, value) for value in sweep.asked[key]} for key in sweep.varied}
    return {key: ", ".join(own[at] for at in sorted(own, key=lambda at: at[:2])) for key, own in values.items()}


def run_table(grid: Grid, out: Path) -> dict[str, Any]:
    """Head and rows of the table of runs: settings, then results, cells with what to show and what to sort by."""
    sweep, keys = grid.sweep, grid.sweep.varied
    scores = [name for name in map(str, sweep.results) if is_accuracy(name)]
    columns = known(sweep.results, (grid.y, *METRICS, *scores, *LOGGED_LAST))
    told = [[_setting(key, value, odd) for value, odd in _odd(sweep.asked[key])] for key in keys]
    got = [[_cell(value) for value in sweep.results[name]] for name in columns]
    cells = zip(*told, *got, strict=True) if keys or columns else [()] * len(sweep.results)
    rows = [{**_named(sweep, run, out), "cells": row} for run, row in zip(sweep.results.index, cells, strict=True)]
    heads = [{"key": key, "name": key, "unit": "", "kind": "setting"} for key in keys]
    heads += [{"key": name, "name": title(name), "unit": unit(name), "kind": "result"} for name in columns]
    return {"head": heads, "rows": rows, "odd": any(cell.odd for row in rows for cell in row["cells"])}


def _odd(values: pd.Series) -> list[tuple[Any, bool]]:
    """Values, each with whether it differs from one that more than half of the runs have."""
    kinds = [order(value) for value in values]
    (common, n), *_ = Counter(kinds).most_common(1)
    return [(value, 2 * n > len(kinds) and kind != common) for value, kind in zip(values, kinds, strict=True)]


def _setting(key: str, value: Any, odd: bool) -> Cell:
    return Cell(shown(key, value), "" if value is None else str(value), odd)


def failures(sweep: Sweep, out: Path) -> list[dict[str, Any]]:
    """The runs that came to a bad end, each with the last line of its error."""
    bad = sweep.results[sweep.results["status"].isin([Status.FAILED, Status.INTERRUPTED])]
    errors = [str(error or "no error was written down").strip().splitlines()[-1] for error in bad["error"]]
    return [{**_named(sweep, run, out), "line": line} for run, line in zip(bad.index, errors, strict=True)]


def _named(sweep: Sweep, run: str, out: Path) -> dict[str, Any]:
    """Name and status of a run, and the address of its folder as seen from the page; empty where there is none yet."""
    folder = sweep.folder / run
    link = quote(os.path.relpath(folder, out).replace(os.sep, "/"), safe="/=,+@") + "/" if folder.is_dir() else ""
    return {"folder": run, "name": sweep.results["name"][run], "link": link, "status": sweep.results["status"][run]}


def _cell(value: Any) -> Cell:
    """A number; what is missing or not finite comes last."""
    if value is None or not math.isfinite(value):
        return Cell("" if value is None else f"{value:.4g}", "")
    return Cell(f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}", str(float(value)))


def paper_table(grid: Grid, metric: str) -> list[list[str]]:
    """The paper's numbers for a metric beside ours, where it was measured here, a row for each x."""
    papers = references(grid, metric)
    positions = dict(zip(grid.settings["at"], grid.settings["position"], strict=True))
    positions |= {order(x): x for entry in papers for x, _ in entry["points"]}
    columns = [(grid.x, {at: shown(grid.x, x) for at, x in positions.items()})]
    for entry in papers:
        head = " ".join(f"{entry.get('label', 'paper')}, {entry.get('dataset', '')}; {entry.get('source', '')}".split())
        theirs = {order(x): f"{y:g}" for x, y in reversed(entry["points"])}
        columns.append((f"paper: {head}".rstrip("; "), theirs))
    found = grid.summary(metric)
    found = found.assign(text=texts(found))
    for line in grid.lines if metric in measured(grid) else []:
        ours = found.loc[line.index].drop_duplicates("at").set_index("at")["text"].to_dict()
        columns.append((f"here: {grid.name(line)}".rstrip(": "), ours))
    return [[head for head, _ in columns], *([cells.get(at, "") for _, cells in columns] for at in sorted(positions))]
