"""The page that is alive, in headless Chromium."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contrastive_lab.report.serve import Live, bind
from tests.sweep_folder import seeds, write_sweep
from tests.test_report.conftest import until

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

pytestmark = pytest.mark.browser


@pytest.fixture
def live(browser: "Chrome", tmp_path: Path) -> Iterator[Live]:
    """A sweep of which a job runs, served and opened."""
    jobs = [*seeds([80, 81], K=4), ({"K": 16, "seed": 0}, {"status": "running"}), ({"K": 16, "seed": 1}, None)]
    live = Live(write_sweep(tmp_path / "s", jobs))
    live.renew()
    with bind(live, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser.get(f"http://127.0.0.1:{server.server_port}")
        until(lambda: now(browser))
        yield live
        server.shutdown()


def now(browser: "Chrome") -> str:
    """What stands under the heading Now."""
    return browser.find_element("id", "now").text.removeprefix("Now").strip()


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
    until(lambda: "84.25" in browser.find_element("id", "runs").text)
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
    until(lambda: any("<img src=x" in found.text for found in browser.find_elements("id", "failures")))
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
    until(lambda: "no answer from the command" in now(browser))
    monkeypatch.undo()
    until(lambda: "2 of 4 jobs are done" in now(browser))
