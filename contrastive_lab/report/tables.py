"""Tables of a sweep: one of all runs, one of all settings, as csv, Markdown and LaTeX."""

import csv
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from contrastive_lab.report.facts import reference_metrics
from contrastive_lab.report.grid import Grid
from contrastive_lab.report.labels import label, shown
from contrastive_lab.report.stats import decimals

Row = dict[str, Any]
METRICS = ("linear_top1", "knn_top1", "mi_estimate", "loss", "images_per_second", "seconds")
LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$"}
LATEX |= {character: f"\\{character}" for character in "&%$#_{}"}


def write_tables(grid: Grid, folder: Path) -> None:
    """Write runs.csv, table.csv, table.md and table.tex."""
    _write_csv(folder / "runs.csv", run_rows(grid))
    _write_csv(folder / "table.csv", setting_rows(grid))
    cells = setting_cells(grid)
    (folder / "table.md").write_text(markdown(cells))
    (folder / "table.tex").write_text(latex(cells))


def run_rows(grid: Grid) -> list[Row]:
    """A row for each run: folder, name, status, what varies, and its result.json."""
    rows = []
    for run in grid.sweep.runs:
        varied = {key: _told(run.value(key)) for key in grid.sweep.varied}
        told = {key: value for key, value in run.result.items() if key not in varied}
        rows.append({"folder": run.path, "name": run.name, "status": run.status, **varied, **told})
    return rows


def measured(grid: Grid) -> list[str]:
    """The metrics that at least one finished run has, that of the y axis first, then those of the paper."""
    names = dict.fromkeys((grid.y, *METRICS, *reference_metrics(grid)))
    return [name for name in names if any(run.number(name) is not None for run in grid.sweep.done)]


def setting_rows(grid: Grid) -> list[Row]:
    """A row for each setting: what varies, runs done of runs planned; of each metric mean, standard error and n."""
    rows = []
    for setting in grid.settings:
        values = {key: _told(value) for key, value in setting.values.items()}
        row: Row = {**values, "done": len(setting.done), "planned": setting.planned}
        for metric in measured(grid):
            found = setting.summary(metric)
            mean = found.mean if found.n else None
            row |= {f"{metric}_mean": mean, f"{metric}_se": found.se, f"{metric}_n": found.n}
        rows.append(row)
    return rows


def setting_cells(grid: Grid) -> list[list[str]]:
    """The same to read: a head, then mean ± standard error; n is the number of finished runs."""
    metrics = measured(grid)
    found = {metric: [setting.summary(metric) for setting in grid.settings] for metric in metrics}
    columns = [[value.text(decimals(found[metric])) for value in found[metric]] for metric in metrics]
    rows = []
    for i, setting in enumerate(grid.settings):
        done, planned = len(setting.done), setting.planned
        values = [shown(key, value) for key, value in setting.values.items()]
        n = str(done) if done == planned else f"{done} of {planned}"
        rows.append([*values, n, *(column[i] for column in columns)])
    return [[*grid.keys, "n", *map(label, metrics)], *rows]


def markdown(cells: list[list[str]]) -> str:
    """A table of GitHub's Markdown, the first row its head."""
    head, *rows = [[re.sub(r"([\\|`*_<>])", r"\\\1", cell).replace("\n", " ") for cell in row] for row in cells]
    lines = [head, ["---:"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def latex(cells: list[list[str]]) -> str:
    """A LaTeX table that needs the package booktabs, the first row its head."""
    head, *rows = [" & ".join(map(latex_text, row)) + r" \\" for row in cells]
    top = ["% mean and standard error; needs \\usepackage{booktabs}", f"\\begin{{tabular}}{{{'r' * len(cells[0])}}}"]
    return "\n".join([*top, r"\toprule", head, r"\midrule", *rows, r"\bottomrule", r"\end{tabular}"]) + "\n"


def latex_text(text: str) -> str:
    """Text with what LaTeX would take for a command escaped."""
    return "".join(LATEX.get(character, character) for character in text.replace("\n", " "))


def _told(value: Any) -> Any:
    """A value that was asked for, in a csv: null is one too, an empty cell is none."""
    return "null" if value is None else value


def _write_csv(path: Path, rows: Iterable[Row]) -> None:
    rows = list(rows)
    names = dict.fromkeys(name for row in rows for name in row)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(names), restval="")
        writer.writeheader()
        writer.writerows(rows)
