from pathlib import Path
from urllib.parse import unquote

import pytest

from contrastive_lab.config import options
from contrastive_lab.launch.experiment import load
from contrastive_lab.report import page, write_report
from contrastive_lab.report.inference import wilson
from tests.sweep_folder import Told, grid_of, made_up, seeds, write_sweep
from tests.test_report.html_page import Page


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
    assert len(links) == 2 * 4 + 5 + 8 + 1  # figures, tables, runs that have a folder, the failure
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
    assert head[3:] == ["here: alpha = K", "here: alpha = 256"]
    one = "84.0 ({:.1f} to {:.1f}, Wilson)".format(*wilson(84.0, 1000))
    assert rows == [["4", "67.5", "77.7", "81.0 ± 2.5", "83.5 ± 6.4"], ["16", "68.1", "79.9", one, ""]]


@pytest.mark.parametrize("name", options("experiment"))
def test_every_number_of_a_paper_stands_in_the_report_of_its_experiment(name: str, tmp_path: Path) -> None:
    node = {**load(name), "comparisons": []}  # of arms that this sweep does not have
    jobs = [job for n in (1, 2) for job in seeds([80 + n], **{"method": "simo", "head.dim": n, node["x"]: n})]
    grid = grid_of(write_sweep(tmp_path / "s", jobs, experiment=node))
    (tmp_path / "report.html").write_text(page.page(grid, [], [], tmp_path))
    text = " ".join(Page(tmp_path / "report.html").text.split())
    for entry in node["reference"]:
        assert f"paper: {entry['label']}, {entry['dataset']}; {entry['source']}" in text
        assert all(f"{y:g}" in text for y in entry["y"])


def test_a_setting_is_marked_where_most_runs_have_another(tmp_path: Path) -> None:
    jobs: list[Told] = [({"K": K, "tau": tau}, {}) for K, tau in ((4, 0.1), (4, 0.2), (4.0, 0.1), (8, 0.2))]
    rows = page.run_table(grid_of(write_sweep(tmp_path / "s", jobs)), tmp_path)["rows"]
    assert [[cell.odd for cell in row["cells"]] for row in rows] == [[False] * 2] * 3 + [[True, False]]


def test_the_table_of_runs_has_every_score_that_was_measured(tmp_path: Path) -> None:
    scores = {"linear_top1": 80.0, "linear_moco_top5": 99.0, "online_top1": None}
    table = page.run_table(grid_of(write_sweep(tmp_path / "s", [({"K": 4}, scores), ({"K": 8}, scores)])), tmp_path)
    assert [head["key"] for head in table["head"]] == ["K", "linear_top1", "linear_moco_top5"]


@pytest.mark.long
def test_the_page_of_400_runs_stays_below_3_megabytes(tmp_path: Path) -> None:
    path = write_report(write_sweep(tmp_path / "s", made_up(400)))
    assert len(Page(path).all("td", "data-value")) == 400 * (2 + 4 + 6)
    assert path.stat().st_size < 3e6
