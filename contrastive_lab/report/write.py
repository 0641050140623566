"""Everything a report consists of, written into `<sweep>/report/`."""

from pathlib import Path

from matplotlib.figure import Figure

from contrastive_lab.record.sweep import read_sweep
from contrastive_lab.report import curves, figures
from contrastive_lab.report.grid import Grid, choose
from contrastive_lab.report.labels import title
from contrastive_lab.report.page import Picture, page, picture
from contrastive_lab.report.plot import KINDS, save, styled
from contrastive_lab.report.references import reference_metrics
from contrastive_lab.report.tables import METRICS, measured, write_tables
from contrastive_lab.report.verdict import verdict

OURS = (*METRICS, "*_top1", "*_top5", "*_curve", "cost")  # stems of the figures that a report may write


def write_report(folder: Path, x: str | None = None, hue: str | None = None, margin: float | None = None) -> Path:
    """Write the page, verdict.txt, runs.csv, table.{csv,md,tex} and the figures of a sweep; returns the page's path.

    Args:
        folder: of the sweep, finished or not; or any folder with runs in it.
        x: key on the x axis; None takes the experiment's, else K.
        hue: key with a line for each of its values; None takes the experiment's, else alpha.
        margin: what counts as no difference, in points of accuracy; None takes the experiment's, else 0.5.

    Raises:
        ConfigError: if the folder holds no run, or no run has a key.
    """
    grid = choose(read_sweep(folder), x, hue, margin)
    out = folder / "report"
    (out / "figures").mkdir(parents=True, exist_ok=True)
    for old in (path for stem in OURS for kind in KINDS for path in (out / "figures").glob(f"{stem}.{kind}")):
        old.unlink(missing_ok=True)  # a figure of an earlier report that this one has no data for
    write_tables(grid, out)
    pictures = plot_all(grid, out / "figures")
    (out / "verdict.txt").write_text("\n".join(verdict(grid)) + "\n")
    path = out / "report.html"
    path.write_text(page(grid, pictures, out))
    return path


def plot_all(grid: Grid, folder: Path) -> list[Picture]:
    """Plot what the runs have data for, and say what each figure shows."""
    have, pictures = measured(grid), []

    def add(stem: str, figure: Figure, heading: str, note: str) -> None:
        save(figure, folder / stem)
        pictures.append(picture(folder / stem, heading, note))

    with styled():
        for metric in [name for name in dict.fromkeys((grid.y, "knn_top1", *reference_metrics(grid))) if name in have]:
            note = "A point is the mean over the finished runs of a setting."
            add(metric, figures.against_x(grid, metric), f"{title(metric)} against {grid.x}", note)
        for column in curves.columns(grid):
            note = "Mean over the seeds of a setting, with a band of the 95 % t interval."
            add(f"{column}_curve", curves.during_training(grid, column), f"{title(column)} during training", note)
        if grid.y in have and figures.costs(grid):
            note = (
                "Each point is a setting. The time of a run includes its probes; of a resumed run it is the last part."
            )
            add("cost", figures.against_cost(grid), f"{title(grid.y)} against cost", note)
    return pictures
