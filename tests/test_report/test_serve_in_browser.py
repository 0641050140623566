"""The page that is alive, in headless Chromium."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contrastive_lab.report.serve import Live, bind
from tests.sweep_folder import made_up, seeds, write_sweep
from tests.test_report.conftest import until

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

pytestmark = pytest.mark.browser


@contextmanager
def opened(live: Live, browser: "Chrome") -> Iterator[None]:
    """Serve a sweep's page, and have it open in the browser."""
    live.renew()
    with bind(live, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser.get(f"http://127.0.0.1:{server.server_port}")
        until(lambda: now(browser))
        yield
        server.shutdown()


@pytest.fixture
def live(browser: "Chrome", tmp_path: Path) -> Iterator[Live]:
    """A sweep of which a job runs, served and opened."""
    jobs = [*seeds([80, 81], K=4), ({"K": 16, "seed": 0}, {"status": "running"}), ({"K": 16, "seed": 1}, None)]
    live = Live(write_sweep(tmp_path / "s", jobs))
    with opened(live, browser):
        yield live


def read(browser: "Chrome", place: str) -> str:
    """What is shown in an element, in one step: the page may take another one in its place between two."""
    found = "const it = document.getElementById(arguments[0]); return it?.checkVisibility() ? it.innerText : ''"
    text = str(browser.execute_script(found, place))
    return " ".join(text.split())


def now(browser: "Chrome") -> str:
    """What stands under the heading Now."""
    return read(browser, "now").removeprefix("Now").strip()


def counted(browser: "Chrome") -> list[str]:
    """How many jobs there are by status."""
    texts = browser.execute_script("return [...document.querySelectorAll('.counts li')].map(item => item.textContent)")
    return [" ".join(text.split()) for text in texts]


def put(live: Live, folder: str, **values: object) -> None:
    """Change a job's result.json, as its end does, and write the report anew."""
    path = live.folder / folder / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    live.renew()


def test_it_shows_what_runs_and_grows_as_jobs_end(browser: "Chrome", live: Live) -> None:
    assert "2 of 4 jobs are done" in now(browser)
    assert counted(browser) == ["2 done", "0 failed", "1 running", "1 missing"]
    assert "simo-2 5 50" in now(browser)
    assert browser.find_elements("css selector", "a.folder") == []
    browser.find_element("id", "filter").send_keys("K=16")
    before = browser.find_element("css selector", "#figures img").get_attribute("src")
    with (live.folder / "K=16,seed=0" / "metrics.csv").open("a") as file:
        file.write("59,5,1.9\n")
    until(lambda: "simo-2 6 60" in now(browser))
    put(live, "K=16,seed=0", status="done", linear_top1=84.25)
    until(lambda: "84.25" in read(browser, "runs"))
    until(lambda: "3 of 4 jobs are done" in now(browser))
    assert counted(browser) == ["3 done", "0 failed", "1 missing"]
    assert browser.find_element("css selector", "#figures img").get_attribute("src") != before
    assert browser.find_element("id", "shown").text == "2 of 4 runs"  # the filter is kept, and so is the cursor
    browser.switch_to.active_element.send_keys("0")
    assert browser.find_element("id", "filter").get_attribute("value") == "K=160"
    assert browser.get_log("browser") == []


def test_a_job_that_begins_shows_without_a_new_report(browser: "Chrome", live: Live) -> None:
    version, begun = live.version, live.folder / "K=16,seed=1"
    begun.mkdir()
    (begun / "result.json").write_text('{"status": "running"}')
    live.renew()
    until(lambda: "2 running" in counted(browser))
    cell = browser.find_element("css selector", "#runs tr[data-run='K=16,seed=1'] td:nth-child(2)")
    assert (cell.text, live.version) == ("running", version)


def test_a_failure_is_text_and_not_markup(browser: "Chrome", live: Live) -> None:
    put(live, "K=16,seed=0", status="failed", error="<img src=x onerror=alert(1)> out of memory")
    until(lambda: "simo-2: <img src=x onerror=alert(1)> out of memory" in now(browser))
    until(lambda: "<img src=x" in read(browser, "failures"))
    assert browser.execute_script("return document.querySelectorAll('img[onerror]').length") == 0


def test_the_stored_page_asks_for_nothing(browser: "Chrome", live: Live) -> None:
    browser.get(live.page.as_uri())
    assert (
        browser.execute_script("return performance.getEntriesByType('resource').filter(e => /http|file/.test(e.name))")
        == []
    )
    assert now(browser) == ""


def test_it_says_when_nobody_answers(browser: "Chrome", live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contrastive_lab.report.serve.Handler.do_GET", lambda handler: handler.send_error(500))
    until(lambda: "no answer from what serves this page" in now(browser))
    monkeypatch.undo()
    until(lambda: "2 of 4 jobs are done" in now(browser))


def test_it_says_that_the_sweep_has_ended_and_asks_no_more(
    browser: "Chrome", live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(live, "K=16,seed=0", status="failed", error="loss is not finite")
    live.end()  # which waits for the page
    assert now(browser).startswith("The sweep has ended: 2 of 4 jobs are done")
    assert "simo-2: loss is not finite" in now(browser)
    assert "failed" in browser.find_element("css selector", "#runs tr[data-run='K=16,seed=0']").text
    monkeypatch.setattr("contrastive_lab.report.serve.Handler.do_GET", lambda handler: handler.send_error(500))
    time.sleep(2.5)
    assert "no answer" not in now(browser)


PLACE = """
    const box = document.querySelector("#runs .scroll"), all = [...document.querySelectorAll("details")];
    return [window.scrollY, box.scrollTop, box.scrollLeft, box.getBoundingClientRect().top, all.map(each => each.open)];
"""


@pytest.fixture
def many(browser: "Chrome", tmp_path: Path) -> Iterator[Live]:
    """A served sweep with more sentences and runs than the page shows at once, in a narrow window."""
    live = Live(write_sweep(tmp_path / "s", made_up(80)))
    size = browser.get_window_size()
    browser.set_window_size(600, 700)
    with opened(live, browser):
        yield live
    browser.set_window_size(size["width"], size["height"])


def test_a_new_report_leaves_the_reader_where_he_was(browser: "Chrome", many: Live) -> None:
    browser.execute_script("""
        document.querySelectorAll("details").forEach(each => { each.open = true; });
        document.querySelector("#runs").scrollIntoView();
        window.scrollBy(0, 90);
        Object.assign(document.querySelector("#runs .scroll"), {scrollTop: 300, scrollLeft: 40});
    """)
    before = browser.execute_script(PLACE)
    assert (before[1:3], before[4]) == ([300, 40], [True])
    (running,) = many.state()["running"]
    put(many, running["folder"], status="failed", error="out of memory")  # a row more, above the table of runs
    until(lambda: "out of memory" in read(browser, "failures"))
    until(lambda: "2 failed" in counted(browser))
    after = browser.execute_script(PLACE)
    assert after[0] != before[0]  # what is above the table has another height
    assert (after[1:3], after[4]) == (before[1:3], before[4])
    assert after[3] == pytest.approx(before[3], abs=1)
