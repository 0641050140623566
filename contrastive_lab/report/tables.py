"""Tables of a sweep: one of all runs, one of all settings, as csv, Markdown and LaTeX."""

import math
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from contrastive_lab.record.files import no_formula, write_table
from contrastive_lab.record.sweep import null_as_text
from contrastive_lab.report.comparisons import comparisons
from contrastive_lab.report.grid import Grid, known
from contrastive_lab.report.labels import is_accuracy, label, pair, shown, signed, title
from contrastive_lab.report.paired import against_reference
from contrastive_lab.report.references import reference_metrics
from contrastive_lab.report.stats import texts

PROBED = ("linear_top1", "knn_top1")
METRICS = (*PROBED, "mi_estimate", "loss", "images_per_second", "seconds")
LOGGED_LAST = ("effective_rank", "competition", "factor", "agreement", "dispersion")


def write_tables(grid: Grid, folder: Path) -> None:
    """Write runs.csv, table.csv, table.md, table.tex and comparisons.csv."""
    tables = {"runs": grid.sweep.runs, "table": setting_table(grid), "comparisons": comparisons(grid)}
    for name, table in tables.items():
        write_frame(folder / f"{name}.csv", table)
    cells = setting_cells(grid)
    (folder / "table.md").write_text(markdown(cells))
    (folder / "table.tex").write_text(latex(cells))


def write_frame(path: Path, table: pd.DataFrame) -> None:
    """Write a table as csv without its index; NaN is an empty cell, a text that looks like a formula gets a quote.

    So does a column's name, which may be a key of a run's result.json.
    """
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    cells = [{no_formula(name): no_formula(value) for name, value in row.items()} for row in rows]
    write_table(path, [*map(no_formula, table)], cells)


def measured(grid: Grid) -> list[str]:
    """The metrics of a setting that at least one finished run has: that of the y axis, accuracies, then the others.

    Among the accuracies are those of `evaluate`, as of the mean classifier; not the probe's that trains along.
    """
    scores = [name for name in map(str, grid.sweep.done) if name.endswith("_top1") and is_accuracy(name)]
    first = (grid.y, *PROBED, *(name for name in scores if name != "online_top1"))
    return known(grid.sweep.done, (*first, *METRICS, *reference_metrics(grid), "effective_rank"))


@lru_cache(maxsize=1)  # of the last grid, which three tables ask for
def paired_table(grid: Grid) -> pd.DataFrame:
    """Each setting that has a paired difference to the reference of its line, in the y metric, by its number.

    Its columns are the reference `to`, mean, 95 % interval and n of the difference over seeds, the p values that both
    are equal and that they differ by the margin, after Holm's correction, and the interval over test images too.
    """
    rows: dict[Any, Any] = {}
    for line in grid.lines:
        named = {at: pair(grid.x, x) for at, x in zip(line["at"], line["position"], strict=True)}
        for d in against_reference(grid, line, grid.y):
            images = (None, None) if d.images is None else d.images[1:3]
            row = (named[d.less], *d.estimate[:4], d.p, d.equal, *images)
            rows |= dict.fromkeys(line.index[line["at"] == d.at], row)
    columns = ["to", "mean", "low", "high", "n", "p", "p_equal", "images_low", "images_high"]
    return pd.DataFrame([*rows.values()], index=[*rows], columns=columns, dtype=object)


def setting_table(grid: Grid) -> pd.DataFrame:
    """A row for each setting: what varies, runs done and planned; of a metric mean, 95 % interval, its kind and n.

    Last comes the paired difference in the y metric, where there is one.
    """
    first = null_as_text(grid.settings[[*grid.keys, "done", "planned"]])
    columns, found = ["mean", "low", "high", "interval", "n"], []
    for metric in measured(grid):
        own = grid.summary(metric)
        kinds = own["wilson"].map({True: "Wilson, test images alone", False: "t over seeds"}).where(own["low"].notna())
        found.append(own.assign(interval=kinds)[columns].add_prefix(f"{metric}_"))
    gaps = paired_table(grid).add_prefix(f"{grid.y}_difference_").reindex(first.index)
    return pd.concat([first, *found, gaps.dropna(axis="columns", how="all")], axis="columns")


def setting_cells(grid: Grid) -> list[list[str]]:
    """The same to read: a head, then mean ± half of the 95 % t interval; n is the number of finished runs."""
    metrics, settings = measured(grid), grid.settings
    columns = [[shown(key, value) for value in settings[key]] for key in grid.keys]
    counts = zip(settings["done"], settings["planned"], strict=True)
    columns.append([str(done) if done == planned else f"{done} of {planned}" for done, planned in counts])
    columns += [texts(grid.summary(metric)) for metric in metrics]
    head = [*grid.keys, "n", *map(label, metrics)]
    gaps = paired_table(grid)
    if len(gaps):
        head.append(f"{title(grid.y)}, paired difference")
        parts = zip(gaps.index, gaps["mean"], gaps["high"] - gaps["mean"], gaps["to"], strict=True)
        told = {setting: f"{signed(mean)} ± {half:.2f} to {to}" for setting, mean, half, to in parts}
        columns.append([told.get(setting, "") for setting in settings.index])
    return [head, *map(list, zip(*columns, strict=True))]


def comparison_cells(grid: Grid) -> list[list[str]]:
    """The comparisons to read: a head, then 95 % intervals, what is told, and how many more seeds would tell."""
    found = comparisons(grid)
    if found.empty:
        return []
    head = ["comparison", f"{title(grid.y)}, difference", "n", "told", "more seeds: the same", "this difference"]
    rows = []
    for d in found.to_dict("records"):
        gap, told = (
            f"{signed(d['mean'])} ({signed(d['low'])} to {signed(d['high'])})",
            str(d["told"]).partition(", not")[0],
        )
        more = [_seeds(d[f"more_seeds_{name}"]) for name in ("same", "difference")]
        rows.append([d["comparison"], gap, str(d["n"]), told, *more])
    return [head, *rows]


def _seeds(more: float) -> str:
    """A number of seeds; empty where it is told without them."""
    if math.isnan(more):
        return ""
    return "over 1,000" if math.isinf(more) else f"{more:.0f}"


def markdown(cells: list[list[str]]) -> str:
    """A table of GitHub's Markdown, the first row its head."""
    head, *rows = [[re.sub(r"([\\|`*_<>])", r"\\\1", cell).replace("\n", " ") for cell in row] for row in cells]
    lines = [head, ["---:"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def latex(cells: list[list[str]]) -> str:
    """A LaTeX table that needs the package booktabs, the first row its head."""
    head, *rows = cells
    table = pd.DataFrame(rows, columns=head).to_latex(index=False, escape=True, column_format="r" * len(head))
    return "% mean and half of the 95 % t interval over seeds; needs \\usepackage{booktabs}\n" + table.replace(
        "±", r"$\pm$"
    )
