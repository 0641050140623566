"""The report in a real browser: headless Chromium, driven by Selenium, both found on this machine or skipped."""

import csv
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

import pytest
from PIL import Image

from contrastive_lab.report import write_report
from tests.sweep_folder import seeds, write_sweep
from tests.test_report.conftest import until

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def opened(browser: "Chrome", tmp_path_factory: pytest.TempPathFactory) -> "Chrome":
    """A report with a failed run and one that has not started, opened from the disk."""
    jobs = [
        *seeds([80, 81], K=100, alpha=None),
        *seeds([83, 79.5], K=16, alpha=256),
        *seeds([82], K=4, alpha=None),
        ({"K": 4, "alpha": None, "seed": 1}, {"status": "failed", "error": "loss is not finite"}),
        ({"K": 4, "alpha": None, "seed": 2}, None),
    ]
    report = write_report(write_sweep(tmp_path_factory.mktemp("sweeps") / "a sweep, 50% #1", jobs))
    browser.get(report.as_uri())
    return browser


def column(browser: "Chrome", head: str) -> list[str]:
    """The cells below a heading of the table of runs, from top to bottom."""
    heads = [cell.text for cell in browser.find_elements("css selector", "#runs th button")]
    cells = browser.find_elements("css selector", f"#runs td:nth-child({heads.index(head) + 1})")
    return [cell.text for cell in cells if cell.is_displayed()]


def click(browser: "Chrome", head: str) -> str | None:
    """Click a heading of the table of runs; returns how it says it is sorted."""
    (button,) = (b for b in browser.find_elements("css selector", "#runs th button") if b.text == head)
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
    button.click()
    return button.find_element("xpath", "..").get_attribute("aria-sort")


def keep(browser: "Chrome", text: str) -> str:
    """Type a filter; returns how many runs it says it lets through."""
    field = browser.find_element("id", "filter")
    field.clear()
    field.send_keys(text or " ")
    return browser.find_element("id", "shown").text


def plot(browser: "Chrome", across: str, up: str) -> dict[str, list[Any]]:
    """Choose both axes of the scatter; places of its points from left to right, their titles, and all words."""
    for name, key in (("across", across), ("up", up)):
        browser.find_element("css selector", f"#{name} option[value='{key}']").click()
    return dict(
        browser.execute_script("""
            const points = [...document.querySelectorAll(".plot circle")];
            const at = point => ["cx", "cy"].map(name => Number(point.getAttribute(name)));
            return {points: points.map(at), titles: points.map(point => point.textContent),
                    words: [...document.querySelectorAll(".plot text")].map(text => text.textContent)};
        """)
    )


def test_it_opens_without_an_error(opened: "Chrome") -> None:
    assert opened.title == "made_up"
    assert opened.get_log("browser") == []


def test_every_figure_is_shown(opened: "Chrome") -> None:
    sizes = opened.execute_script("return [...document.images].map(i => [i.complete, i.naturalWidth, i.clientWidth])")
    assert len(sizes) == 2
    assert all(complete and natural > 0 and 0 < shown <= 1080 for complete, natural, shown in sizes)


def test_nothing_hangs_over_the_edge(opened: "Chrome") -> None:
    widths = opened.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert widths[0] <= widths[1]


def test_the_table_sorts_by_number_and_by_word_with_the_empty_last(opened: "Chrome") -> None:
    assert click(opened, "K") == "ascending"
    assert column(opened, "K") == ["4", "4", "4", "16", "16", "100", "100"]  # as words 100 would come first
    assert click(opened, "K") == "descending"
    assert column(opened, "K") == ["100", "100", "16", "16", "4", "4", "4"]
    score = "linear top-1"
    assert click(opened, score) == "ascending"
    assert column(opened, score) == ["79.5", "80", "81", "82", "83", "", ""]
    assert click(opened, score) == "descending"
    assert column(opened, score) == ["83", "82", "81", "80", "79.5", "", ""]
    assert click(opened, "status") == "ascending"
    assert column(opened, "status") == ["done"] * 5 + ["failed", "missing"]
    assert len(opened.find_elements("css selector", "#runs th[aria-sort]")) == 1


def test_a_row_stays_whole_when_it_moves(opened: "Chrome") -> None:
    click(opened, "run")
    names, scores = column(opened, "run"), column(opened, "linear top-1")
    assert dict(zip(names, scores, strict=True))["simo-3"] == "79.5"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("FAILED", ["simo-5"]),
        ("K=4", ["simo-4", "simo-5", "simo-6"]),
        ("K=4.0 status=done", ["simo-4"]),
        ("alpha=null K>=100", ["simo-0", "simo-1"]),
        ("linear_top1>80.5 K<100", ["simo-2", "simo-4"]),
        ("linear_top1<=80", ["simo-0", "simo-3"]),
        ("linear_top1 > 80.5  K <100 status= done", ["simo-2", "simo-4"]),
        ('"K >= 16"', []),  # words in quotes as they are
        ("nothing", []),
    ],
)
def test_the_filter_takes_words_and_comparisons(opened: "Chrome", text: str, names: list[str]) -> None:
    click(opened, "run")
    assert keep(opened, text) == f"{len(names)} of 7 runs"
    assert sorted(column(opened, "run")) == names
    assert keep(opened, "") == "7 of 7 runs"


def test_the_scatter_has_a_point_for_each_finished_run(opened: "Chrome") -> None:
    assert keep(opened, "") == "7 of 7 runs"
    found = plot(opened, "K", "linear_top1")
    assert {"4", "16", "100", "K", "linear top-1, percent"} <= {*found["words"]}
    scores = {"simo-0": (100, 80), "simo-1": (100, 81), "simo-2": (16, 83), "simo-3": (16, 79.5), "simo-4": (4, 82)}
    assert {title.splitlines()[0] for title in found["titles"]} == {*scores}
    for title, (x, y) in zip(found["titles"], found["points"], strict=True):
        name = title.splitlines()[0]
        K, score = scores[name]
        assert title.splitlines()[1:] == [f"K = {K}", f"linear_top1 = {score:g}"]
        assert x == pytest.approx(80 + 530 * math.log(K / 4) / math.log(25))  # from 4 to 100 on a logarithm
        assert y == pytest.approx(345 - 315 * (score - 79.5) / 3.5)


def test_the_scatter_takes_words_and_follows_the_filter(opened: "Chrome") -> None:
    assert keep(opened, "K=16") == "2 of 7 runs"
    assert len(plot(opened, "K", "linear_top1")["points"]) == 2
    assert keep(opened, "") == "7 of 7 runs"
    found = plot(opened, "alpha", "linear_top1")  # null is no number, so that both values are words
    assert {x for x, _ in found["points"]} == {80 + 530 * 0.25, 80 + 530 * 0.75}
    assert {"K", "256"} <= {*found["words"]}


def test_a_narrow_window_gets_a_narrow_scatter_and_no_small_letters(opened: "Chrome") -> None:
    told = {"width": 400, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", told)
    plot(opened, "K", "linear_top1")
    high, over = opened.execute_script(
        "return [Math.min(...[...document.querySelectorAll('.plot text')].map(t => t.getBoundingClientRect().height)),"
        " document.documentElement.scrollWidth - window.innerWidth]"
    )
    opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert high >= 12 and over <= 0


def test_the_download_is_the_filtered_table(opened: "Chrome", tmp_path: Path) -> None:
    opened.execute_cdp_cmd("Page.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    keep(opened, "K=16")
    opened.find_element("id", "csv").click()
    until(lambda: (tmp_path / "made_up.csv").is_file())
    with (tmp_path / "made_up.csv").open(newline="") as file:
        rows = {row["run"]: row for row in csv.DictReader(file)}
    assert {name: (row["alpha"], float(row["linear_top1"])) for name, row in rows.items()} == {
        "simo-2": ("256", 83),
        "simo-3": ("256", 79.5),
    }
    keep(opened, "")


def test_the_scatter_is_kept_as_png_pdf_svg_and_csv(opened: "Chrome", tmp_path: Path) -> None:
    opened.execute_cdp_cmd("Page.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    keep(opened, "status=done")
    plot(opened, "K", "linear_top1")
    for button in opened.find_elements("css selector", "#scatter button"):
        opened.execute_script("arguments[0].click()", button)
        until((tmp_path / f"made_up.{button.text}").is_file)
    keep(opened, "")
    svg = (tmp_path / "made_up.svg").read_text()
    assert (svg.count("<circle"), "linear top-1, percent" in svg) == (5, True)
    with Image.open(tmp_path / "made_up.png") as picture:
        colours = {colour: n for n, colour in picture.convert("RGB").getcolors(1 << 20)}
        assert (picture.size, max(colours, key=colours.__getitem__)) == ((1920, 1200), (255, 255, 255))
        assert sum(n for (red, _, blue), n in colours.items() if blue > red + 60) > 5 * 9 * 3.14 * 4**2 * 0.8  # points
    pdf = (tmp_path / "made_up.pdf").read_text()
    assert pdf.count("8 w") == 5 and "(linear top-1, percent) Tj" in pdf
    entries = pdf[int(pdf.split("startxref")[1].split()[0]) :].splitlines()
    assert entries[0] == "xref"
    for number, entry in enumerate(entries[3:8], 1):
        assert pdf[int(entry.split()[0]) :].startswith(f"{number} 0 obj")
    with (tmp_path / "made_up.csv").open(newline="") as file:
        told = {row["run"]: (row["K"], row["linear_top1"]) for row in csv.DictReader(file)}
    assert told["simo-3"] == ("16", "79.5") and len(told) == 5


def test_every_link_leads_somewhere(opened: "Chrome") -> None:
    links = opened.execute_script("return [...document.links].map(link => link.href)")
    assert len(links) == 2 * 4 + 4 + 6 + 1
    for link in links:
        assert Path(unquote(urlparse(link).path)).exists(), link


def test_a_click_opens_the_folder_of_a_run(opened: "Chrome") -> None:
    page = opened.current_url
    opened.find_element("css selector", "#runs td a").click()
    assert "result.json" in opened.page_source
    opened.get(page)
