import json
import re
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest

from contrastive_lab.launch.follow import followed
from contrastive_lab.report import write_report
from tests.sweep_folder import seeds, write_run, write_sweep


def answer(url: str) -> bytes:
    """The body of an answer."""
    with urllib.request.urlopen(url) as found:
        body: bytes = found.read()
    return body


def last_word(url: str) -> dict[str, Any]:
    """The first state that says that the sweep has ended, as a page that asks again and again gets it."""
    while not (state := json.loads(answer(f"{url}/status.json")))["over"]:
        time.sleep(0.1)
    return dict(state)


@pytest.mark.long
def test_the_page_is_served_until_it_has_shown_the_end_and_no_longer(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, out = write_sweep(tmp_path / "s", [*seeds([80], K=4), ({"K": 8}, None)]), ""
    with ThreadPoolExecutor() as pool:
        with followed(folder) as stopped:
            end = time.monotonic() + 60
            while not (found := re.search(r"(http://127\.0\.0\.1:\d+)  \(as long as the sweep runs\)", out)):
                assert time.monotonic() < end, "no page"
                time.sleep(0.1)
                out += capfd.readouterr().out
            assert b"made_up" in answer(found[1])
            heard = pool.submit(last_word, found[1])
            write_run(folder / "K=8", {"K": 8, "linear_top1": 84.25})
            stopped()
            page = write_report(folder)
        state = heard.result()
    assert state["counts"] == {"done": 2, "failed": 0, "missing": 0}
    assert (state["version"], state["running"]) == (str(page.stat().st_mtime_ns), [])
    with pytest.raises(URLError):
        answer(found[1])
