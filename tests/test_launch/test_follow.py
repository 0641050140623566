import re
import time
import urllib.request
from pathlib import Path
from urllib.error import URLError

import pytest

from contrastive_lab.launch.follow import followed
from tests.sweep_folder import seeds, write_sweep


@pytest.mark.long
def test_the_page_is_served_meanwhile_and_no_longer(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder, out = write_sweep(tmp_path / "s", [*seeds([80], K=4), ({"K": 8}, None)]), ""
    with followed(folder):
        end = time.monotonic() + 60
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", out)):
            assert time.monotonic() < end, "no page"
            time.sleep(0.1)
            out += capfd.readouterr().out
        with urllib.request.urlopen(found[0]) as answer:
            assert b"made_up" in answer.read()
    with pytest.raises(URLError):
        urllib.request.urlopen(found[0])
