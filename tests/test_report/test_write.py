import math
import shlex
from html import unescape
from pathlib import Path

import pytest

from contrastive_lab.launch.experiment import load
from contrastive_lab.record.plan import read_plan
from contrastive_lab.report import page, write_report
from contrastive_lab.report.plot import KINDS
from contrastive_lab.report.tables import write_tables
from contrastive_lab.report.verdict import verdict
from contrastive_lab.report.write import also
from tests.conftest import ROOT
from tests.sweep_folder import Told, grid_of, seeds, unrelated, write_sweep
from tests.test_report.html_page import Page


def test_every_file_of_a_report_is_there(report: Path) -> None:
    names = {path.name for path in report.parent.iterdir()}
    tables = {"runs.csv", "comparisons.csv", "table.csv", "table.md", "table.tex"}
    assert names == {"report.html", *tables, "verdict.txt", "figures"}
    figures = {path.name for path in (report.parent / "figures").iterdir()}
    stems = ("linear_top1", "mi_estimate_curve")
    assert figures == {f"{stem}.{kind}" for stem in stems for kind in (*KINDS, "csv")}
    for stem in stems:
        for kind, start in zip(KINDS, (b"\x89PNG", b"%PDF", b"<?xml"), strict=True):
            assert (report.parent / "figures" / f"{stem}.{kind}").read_bytes().startswith(start)


def test_a_number_of_another_metric_is_plotted_where_the_runs_have_that(tmp_path: Path) -> None:
    jobs = [({"augment.small_views": n, "seed": 0}, {"linear_top1": 80, "online_top1": 70}) for n in (0, 2)]
    report = write_report(write_sweep(tmp_path / "s", jobs, experiment=load("swav/cifar10")))
    assert {path.stem for path in (report.parent / "figures").glob("*_top1.svg")} == {"linear_top1", "online_top1"}
    head, *rows = page.paper_table(grid_of(tmp_path / "s"), "online_top1")
    assert rows[0][1] == "89.17" and rows[0][2].startswith("70.00 (") and len(head) == 3


@pytest.mark.parametrize(
    ("jobs", "plotted"),
    [
        ([({"K": 4, "seed": 0}, None)], set()),
        ([({}, {"linear_top1": 80.0, "seconds": 40.0})], {"linear_top1", "cost"}),
        ([({"K": 4}, {"loss": 2.0}), ({"K": 8}, {"loss": math.nan, "linear_top1": math.nan})], set()),
        ([*seeds([80, 81], batchnorm="sync"), *seeds([82, 83], batchnorm="shuffle")], {"linear_top1"}),
        (unrelated(), set()),
    ],
    ids=["not started", "single run", "without labels and with NaN", "words on the axis", "unrelated runs"],
)
def test_a_report_is_written_whatever_is_there(
    jobs: list[Told], plotted: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contrastive_lab.report.curves.columns", lambda grid: [])  # tested above, and slow
    monkeypatch.setattr("contrastive_lab.report.write.KINDS", ("svg",))
    report = write_report(write_sweep(tmp_path / "s", jobs))
    assert {path.stem for path in report.parent.glob("figures/*.svg")} == plotted
    assert len(Page(report).all("img", "src")) == len(plotted)


def test_what_goes_along_with_a_name_stands_below_the_figure(tmp_path: Path) -> None:
    pairs = ((0.1, 0.05), (0.2, 0.1))
    jobs = [({"K": K, "tau": tau, "lr": lr}, None) for K in (4, 16) for tau, lr in pairs]
    assert also(grid_of(write_sweep(tmp_path / "s", jobs))) == " Lines differ in lr too."
    assert also(grid_of(write_sweep(tmp_path / "t", jobs[::2]))) == ""


def test_names_that_are_html_formulas_or_mathematics_are_shown_as_they_are(tmp_path: Path) -> None:
    names = ["<script>alert(1)</script>", "=HYPERLINK(1)", r"$\bad{$ & <b>"]
    jobs = [job for i, arm in enumerate(names) for K in (4, 8) for job in seeds([80 + i, 81], arm=arm, K=K, tau=i + 1)]
    failed: Told = ({"K": 9, "tau": 1, "arm": names[0]}, {"status": "failed", "error": "<img src=x onerror=alert(2)>"})
    folder = write_sweep(tmp_path / "s", [*jobs, failed], experiment={"x": "K", "hue": "arm"}, name="<i>name</i>")
    text = write_report(folder).read_text()
    for raw in ("<script>alert", "<img src=x", "<i>name", "& <b>"):
        assert raw not in text
    assert "&lt;script&gt;alert" in text and "&lt;img src=x" in text
    cells = (folder / "report" / "runs.csv").read_text()
    assert "'=HYPERLINK(1)" in cells and ",=HYPERLINK" not in cells


RESULTS = sorted(path.parent for path in (ROOT / "docs" / "results").rglob("sweep.json"))


@pytest.mark.parametrize("folder", RESULTS, ids=lambda folder: folder.name)
def test_the_tables_in_docs_are_what_a_report_makes_of_their_runs(folder: Path, tmp_path: Path) -> None:
    grid = grid_of(folder)
    write_tables(grid, tmp_path)
    (tmp_path / "verdict.txt").write_text("\n".join(verdict(grid)) + "\n")
    for name in ("runs.csv", "table.csv", "table.md", "comparisons.csv", "verdict.txt"):
        assert (tmp_path / name).read_text() == (folder / name).read_text(), name


@pytest.mark.parametrize("folder", RESULTS, ids=lambda folder: folder.name)
def test_the_sweeps_in_docs_name_no_folder_of_the_machine_that_made_them(folder: Path) -> None:
    plan = read_plan(folder)
    told = [*shlex.split(plan.command), *plan.overrides, *(text for job in plan.jobs for text in job.overrides)]
    assert not [text for text in told if text.rpartition("=")[2].startswith(("/", "~"))]


def test_a_metric_that_is_asked_for_is_plotted_and_an_earlier_one_goes(tmp_path: Path) -> None:
    jobs = [({"K": K, "seed": 0}, {"linear_top1": 80.0, "knn_top1": 70.0 + K}) for K in (4, 8)]
    folder = write_sweep(tmp_path / "s", jobs)
    for run in folder.glob("K=*"):
        (run / "metrics.csv").write_text("step,epoch,effective_rank\n9,0,12.5\n")
    report = write_report(folder, y="effective_rank")
    stems = {path.stem for path in report.parent.glob("figures/*.png")}
    assert "y_effective_rank" in stems and "linear_top1" not in stems
    text = unescape(report.read_text())
    assert "x=K y=effective_rank margin=0.5" in text
    assert "Highest mean of effective rank: 12.50 dimensions" in text
    report = write_report(folder)
    stems = {path.stem for path in report.parent.glob("figures/*.png")}
    assert {"linear_top1", "knn_top1"} <= stems and "y_effective_rank" not in stems
    assert " y=" not in unescape(report.read_text()).partition("<pre>")[2]
