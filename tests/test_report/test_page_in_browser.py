"""The report in a real browser: headless Chromium, driven by Selenium, both found on this machine or skipped."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

import pytest

from contrastive_lab.report import write_report
from tests.sweep_folder import seeds, write_sweep

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

pytestmark = pytest.mark.browser
BROWSERS, DRIVERS = ("chromium", "chromium-browser", "google-chrome"), ("chromedriver", "chromium.chromedriver")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1200,900")


def found(names: tuple[str, ...]) -> str:
    """The first of some programs that is installed; without one the test is skipped."""
    paths = [path for name in names if (path := shutil.which(name))]
    if not paths:
        pytest.skip(f"needs {names[0]}: apt-get install chromium chromium-driver")
    return paths[0]


@pytest.fixture(scope="module")
def browser() -> Iterator["Chrome"]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium: pip install selenium")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = found(BROWSERS)
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options=options, service=Service(found(DRIVERS)))
    yield chrome
    chrome.quit()


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
    return [cell.text for cell in cells]


def click(browser: "Chrome", head: str) -> str | None:
    """Click a heading of the table of runs; returns how it says it is sorted."""
    (button,) = (b for b in browser.find_elements("css selector", "#runs th button") if b.text == head)
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
    button.click()
    return button.find_element("xpath", "..").get_attribute("aria-sort")


def test_it_opens_without_an_error(opened: "Chrome") -> None:
    assert opened.title == "made_up"
    assert opened.get_log("browser") == []


def test_every_figure_is_drawn(opened: "Chrome") -> None:
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


def test_every_link_leads_somewhere(opened: "Chrome") -> None:
    links = opened.execute_script("return [...document.links].map(link => link.href)")
    assert len(links) == 2 * 3 + 4 + 6 + 1
    for link in links:
        assert Path(unquote(urlparse(link).path)).exists(), link


def test_a_click_opens_the_folder_of_a_run(opened: "Chrome") -> None:
    page = opened.current_url
    opened.find_element("css selector", "#runs td a").click()
    assert "result.json" in opened.page_source
    opened.get(page)
