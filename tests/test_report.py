import math
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from contrastive_lab.launch.experiment import load, names
from contrastive_lab.report import page, write_report
from contrastive_lab.report.cost import against_cost
from contrastive_lab.report.curves import during_training, mean_curve
from contrastive_lab.report.draw import KINDS, Scale
from contrastive_lab.report.figures import against_x
from tests.sweep_folder import Told, grid_of, seeds, write_sweep

PAPER = [
    {"label": "on ImageNet", "metric": "linear_top1", "dataset": "ImageNet", "x": [4, 16], "y": [67.5, 68.1]},
    {"label": "on ours", "metric": "linear_top1", "dataset": "Fashion-MNIST mini", "x": [4, 16], "y": [77.7, 79.9]},
    {"label": "other metric", "metric": "knn_top1", "dataset": "ImageNet", "x": [4], "y": [1.0]},
]
EXPERIMENT = {"title": "A <title> & more", "paper": "Nobody 2020", "x": "K", "hue": "alpha", "reference": PAPER}
HALF_DONE: list[Told] = [
    *seeds([80, 81, 82], K=4, alpha=None, method="simo"),
    *seeds([83, 84], K=4, alpha=256, method="simo"),
    *seeds([84], K=16, alpha=None, method="simo"),
    ({"K": 16, "alpha": None, "method": "simo", "seed": 1}, {"status": "failed", "error": "Traceback\nloss <is> nan"}),
    ({"K": 16, "alpha": 256, "method": "simo", "seed": 0}, {"status": "running"}),
    ({"K": 16, "alpha": 256, "method": "simo", "seed": 1}, None),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a half-finished sweep."""
    folder = write_sweep(tmp_path_factory.mktemp("sweeps") / "a b", HALF_DONE, experiment=EXPERIMENT)
    return write_report(folder)


class Page(HTMLParser):
    """Tags with their attributes, and the text of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str, key: str) -> list[str]:
        return [str(found[key]) for name, found in self.tags if name == tag and key in found]


def test_every_file_of_a_report_is_there(report: Path) -> None:
    names = {path.name for path in report.parent.iterdir()}
    assert names == {"report.html", "runs.csv", "table.csv", "table.md", "table.tex", "figures"}
    figures = {path.name for path in (report.parent / "figures").iterdir()}
    stems = ("linear_top1", "mi_estimate_curve")
    assert figures == {f"{stem}.{kind}" for stem in stems for kind in KINDS}
    for stem in stems:
        for kind, start in zip(KINDS, (b"\x89PNG", b"%PDF", b"<?xml"), strict=True):
            assert (report.parent / "figures" / f"{stem}.{kind}").read_bytes().startswith(start)


def test_the_page_asks_for_nothing_from_outside(report: Path) -> None:
    page = Page(report)
    assert not {"link", "iframe", "object", "embed", "base", "video"} & {tag for tag, _ in page.tags}
    assert page.all("script", "src") == []
    sources = page.all("img", "src")
    assert len(sources) == 2
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    style = report.read_text().split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style


def test_every_link_of_the_page_leads_to_a_file_or_a_folder(report: Path) -> None:
    links = Page(report).all("a", "href")
    assert len(links) == 2 * 3 + 4 + 8 + 1  # figures, tables, runs that have a folder, the failure
    for link in links:
        assert (report.parent / unquote(link)).exists(), link


def test_the_page_says_what_stands_and_what_failed(report: Path) -> None:
    text = " ".join(Page(report).text.split())
    for words in ("A <title> & more", "6 done", "1 failed", "1 running", "1 missing", "loss <is> nan", "4, 16"):
        assert words in text, words
    assert "python train.py -m K=4,16" in text
    assert "Traceback" not in text  # the last line alone


def test_the_papers_numbers_stand_beside_ours(report: Path, tmp_path: Path) -> None:
    head, *rows = page.paper_table(grid_of(report.parents[1]), "linear_top1")
    assert [cell.split(",")[0] for cell in head] == ["K", "paper: on ImageNet", "paper: on ours", *head[3:]]
    assert head[3:] == ["here: alpha = K (InfoNCE)", "here: alpha = 256"]
    assert rows == [["4", "67.5", "77.7", "81.00 ± 0.58", "83.50 ± 0.50"], ["16", "68.1", "79.9", "84.00", ""]]


def test_the_figure_shows_means_bands_and_the_paper_in_a_panel_of_its_own(report: Path) -> None:
    ours, papers, coverage = against_x(grid_of(report.parents[1]), "linear_top1").axes
    drawn = {str(line.get_label()): line for line in ours.lines}
    assert drawn["alpha = K (InfoNCE)"].get_xydata().tolist() == [[4, 81], [16, 84]]
    assert drawn["alpha = 256"].get_xydata().tolist() == [[4, 83.5]]
    assert drawn["on ours, Fashion-MNIST mini"].get_xydata().tolist() == [[4, 77.7], [16, 79.9]]
    band = ours.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((81 - 1 / math.sqrt(3), 81 + 1 / math.sqrt(3)))
    assert "n = 1 in places" in ours.get_title(loc="left")
    assert [line.get_ydata().tolist() for line in papers.lines] == [[67.5, 68.1]]
    assert coverage.lines[0].get_ydata()[0] == 0  # 5 draws cannot hold 10 classes


@pytest.mark.parametrize("name", names())
def test_every_number_of_a_paper_stands_in_the_report_of_its_experiment(name: str, tmp_path: Path) -> None:
    node = load(name)
    jobs = [*seeds([80], **{"method": "simo", node["x"]: 1}), *seeds([81], **{"method": "simo", node["x"]: 2})]
    grid = grid_of(write_sweep(tmp_path / "s", jobs, experiment=node))
    (tmp_path / "report.html").write_text(page.page(grid, [], tmp_path))
    text = " ".join(Page(tmp_path / "report.html").text.split())
    for entry in node["reference"]:
        assert f"paper: {entry['label']}, {entry['dataset']}; {entry['source']}" in text
        assert all(f"{y:g}" in text for y in entry["y"])


def test_a_number_of_another_metric_is_drawn_where_the_runs_have_that(tmp_path: Path) -> None:
    jobs = [({"augment.small_views": n, "seed": 0}, {"linear_top1": 80, "online_top1": 70}) for n in (0, 2)]
    report = write_report(write_sweep(tmp_path / "s", jobs, experiment=load("swav/cifar10")))
    assert {path.stem for path in (report.parent / "figures").glob("*_top1.svg")} == {"linear_top1", "online_top1"}
    head, *rows = page.paper_table(grid_of(tmp_path / "s"), "online_top1")
    assert rows[0][1:] == ["89.17", "70.00"] and len(head) == 3


def test_an_experiment_may_say_that_its_x_is_the_number_of_draws(tmp_path: Path) -> None:
    folder = write_sweep(
        tmp_path / "s", [*seeds([80], batch_size=10), *seeds([81], batch_size=40)], experiment=load("coupon/cifar10")
    )
    *_, coverage = against_x(grid_of(folder), "linear_top1").axes
    assert coverage.lines[0].get_ydata()[0] == pytest.approx(math.factorial(10) / 10**10, rel=1e-8)
    assert "in N draws" in str(coverage.lines[0].get_label())
    without = write_sweep(tmp_path / "t", [*seeds([80], batch_size=10), *seeds([81], batch_size=40)])
    axes = against_x(grid_of(without, x="batch_size"), "linear_top1").axes
    assert len(axes) == 1


def test_coverage_with_as_many_draws_as_classes_is_a_permutation(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s", [*seeds([80, 81], K=9), *seeds([80, 81], K=90)])
    *_, coverage = against_x(grid_of(folder), "linear_top1").axes
    assert coverage.lines[0].get_ydata()[0] == pytest.approx(math.factorial(10) / 10**10, rel=1e-8)
    unknown = [(told, {**(result or {}), "dataset": "photos"}) for told, result in seeds([80], K=9) + seeds([81], K=90)]
    assert len(against_x(grid_of(write_sweep(tmp_path / "t", unknown)), "linear_top1").axes) == 1


def test_a_curve_is_the_mean_of_the_finished_runs_at_steps_they_share(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s", seeds([80, 81, 82], K=4))
    for seed, rows in enumerate(
        (["9,0,1.0", "19,0,2.0", "29,1,nan"], ["9,0,3.0", "19,0,5.0", "29,1,7"], ["9,0,2", "1"])
    ):
        path = folder / f"K=4,seed={seed}" / "metrics.csv"
        path.write_text("\n".join(["step,epoch,mi_estimate", *rows]) + "\n")
    grid = grid_of(folder)
    curve = mean_curve(grid.settings[0], "mi_estimate")
    assert {step: (value.n, value.mean) for step, value in curve.items()} == {9: (3, 2.0)}
    assert curve[9].se == pytest.approx(1 / math.sqrt(3))
    axes, *_ = during_training(grid, "mi_estimate").axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("optimizer step", "MI estimate, nats")


def test_cost_has_a_point_for_each_setting_with_its_errors(tmp_path: Path) -> None:
    jobs = [({"K": K, "seed": s}, {"linear_top1": 80.0 + s, "seconds": K + 2.0 * s}) for K in (4, 8) for s in (0, 1)]
    grid = grid_of(write_sweep(tmp_path / "s", jobs))
    (axes,) = against_cost(grid).axes
    assert sorted(line.get_xydata().tolist() for line in axes.lines) == [[[5.0, 80.5]], [[9.0, 80.5]]]
    bars = axes.collections[0].get_segments()[0]  # of the time: its standard error is 1
    assert bars.tolist() == [[4.0, 80.5], [6.0, 80.5]]


def test_an_axis_is_logarithmic_over_a_factor_of_eight_and_even_where_numbers_crowd() -> None:
    assert Scale([1, 4, 16]).log
    assert not Scale([0.1, 0.2, 0.4]).log
    assert not Scale([0, 100]).log
    momentum = Scale([0, 0.9, 0.99, 0.999])
    assert [momentum.place(value) for value in momentum.values] == [0, 1, 2, 3]  # 0.99 and 0.999 would be one
    words = Scale(["sync", None, "shuffle", "sync"])
    assert [words.place(value) for value in (None, "shuffle", "sync")] == [0, 1, 2]
    assert Scale([4, None, 16, 4.0]).values == [4, 16]


@pytest.mark.parametrize(
    ("jobs", "drawn"),
    [
        ([({"K": 4, "seed": 0}, None)], set()),
        ([({}, {"linear_top1": 80.0, "seconds": 40.0})], {"linear_top1", "cost"}),
        ([({"K": 4}, {"loss": 2.0}), ({"K": 8}, {"loss": math.nan, "linear_top1": math.nan})], set()),
        ([*seeds([80, 81], batchnorm="sync"), *seeds([82, 83], batchnorm="shuffle")], {"linear_top1"}),
    ],
    ids=["not started", "single run", "without labels and with NaN", "words on the axis"],
)
def test_a_report_is_written_whatever_is_there(
    jobs: list[Told], drawn: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contrastive_lab.report.curves.columns", lambda grid: [])  # tested above, and slow
    monkeypatch.setattr("contrastive_lab.report.draw.KINDS", ("svg",))
    report = write_report(write_sweep(tmp_path / "s", jobs))
    assert {path.stem for path in report.parent.glob("figures/*.svg")} == drawn
    assert len(Page(report).all("img", "src")) == len(drawn)
