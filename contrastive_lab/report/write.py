"""Everything a report consists of, written into `<sweep>/report/`."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from contrastive_lab.errors import ConfigError
from contrastive_lab.record.files import write_text
from contrastive_lab.record.run import check_links
from contrastive_lab.record.sweep import read_sweep
from contrastive_lab.report import curves, data, figures, planned
from contrastive_lab.report.comparisons import comparisons
from contrastive_lab.report.grid import Grid, choose
from contrastive_lab.report.labels import title
from contrastive_lab.report.page import FILES, page, picture
from contrastive_lab.report.plot import KINDS, save, styled
from contrastive_lab.report.references import reference_metrics
from contrastive_lab.report.tables import METRICS, measured, write_frame, write_tables
from contrastive_lab.report.verdict import verdict

# Stems of figures that it may write.
OURS = (*METRICS, "AP*", "*_top1", "*_top5", "*_curve", "y_*", "cost", "comparisons")
Plotted = tuple[Path, Figure, str, str]  # where it lies, without its ending; what stands above and below it


def write_report(
    folder: Path, x: str | None = None, hue: str | None = None, margin: float | None = None, y: str | None = None
) -> Path:
    """Write the page, verdict.txt, runs.csv, table.{csv,md,tex} and the figures of a sweep; returns the page's path.

    Args:
        folder: of the sweep, finished or not; or any folder with runs in it.
        x: key on the x axis; None takes the experiment's, else K.
        hue: key with a line for each of its values; None takes the experiment's, else alpha.
        margin: what counts as no difference, in the unit of y; None takes the experiment's, else 0.5.
        y: accuracy of result.json or column of metrics.csv; None takes the experiment's, else the linear probe.

    Raises:
        ConfigError: if the folder holds no run, no run has a key or metric, or a link or name leads out of it.
    """
    grid = choose(read_sweep(folder), x, hue, margin, y)
    if led := [name for name in curves.columns(grid) if Path(name).name != name]:
        raise ConfigError(*(f"sweep={folder}: {name} names a figure; it must be a name without a /" for name in led))
    out = folder / "report"
    check_links(out, folder)
    (out / "figures").mkdir(parents=True, exist_ok=True)
    sentences, before = verdict(grid), {*figure_files(out)}
    write_text(out / "verdict.txt", "\n".join(sentences) + "\n")
    with styled():
        plotted = plot_all(grid, out / "figures")
        path = out / "report.html"
        write_text(path, page(grid, sentences, [picture(stem, *texts) for stem, _, *texts in plotted], out))
        write_tables(grid, out)  # these after the page, which a browser may wait for
        for stem, figure, *_ in plotted:
            save(figure, stem, [kind for kind in KINDS if kind != "svg"])
    for old in before - {stem.with_suffix(f".{kind}") for stem, *_ in plotted for kind in FILES}:
        old.unlink(missing_ok=True)  # a figure of an earlier report that this one has no data for
    return path


def figure_files(out: Path) -> Iterator[Path]:
    """The files of figures that an earlier report left."""
    return (path for stem in OURS for kind in FILES for path in (out / "figures").glob(f"{stem}.{kind}"))


def plot_all(grid: Grid, folder: Path) -> list[Plotted]:
    """Plot what the runs have data for as svg, with csv beside it, and say what each figure shows."""
    have, plotted = measured(grid), list[Plotted]()
    if not grid.alone:
        return plotted
    more = also(grid)

    def add(stem: str, figure: Figure, table: pd.DataFrame, heading: str, note: str) -> None:
        save(figure, folder / stem, ["svg"])
        write_frame(folder / f"{stem}.csv", table)
        plotted.append((folder / stem, figure, heading, note + more))

    if found := planned.planned(grid):
        note = "What the experiment set out to compare; a point is the mean of one setting less another."
        rows = comparisons(grid)[: len(found)]
        add("comparisons", planned.planned_figure(grid, found), rows, "Planned comparisons", note)
    for metric in [name for name in dict.fromkeys((grid.y, "knn_top1", *reference_metrics(grid))) if name in have]:
        note, head = "A point is the mean over the finished runs of a setting.", f"{title(metric)} against {grid.x}"
        add(stem_of(metric), figures.against_x(grid, metric), data.against_x(grid, metric), head, note)
    for column in curves.columns(grid):
        figure, table = curves.during_training(grid, column), data.during_training(grid, column)
        add(f"{column}_curve", figure, table, f"{title(column)} during training", curves.mean_of(grid, column))
    if grid.y in have and figures.costs(grid):
        note = "Each point is a setting. The time of a run includes its probes."
        add("cost", figures.against_cost(grid), data.against_cost(grid), f"{title(grid.y)} against cost", note)
    return plotted


def stem_of(metric: str) -> str:
    """The name of a metric's figure, one of `OURS`."""
    return metric if any(fnmatchcase(metric, ours) for ours in OURS) else f"y_{metric}"


def also(grid: Grid) -> str:
    """The keys that lines differ in without being named by them, as these go along with others."""
    keys = [key for key in grid.keys if key not in (grid.x, *grid.naming)]
    return f" Lines differ in {', '.join(keys)} too." if keys else ""
