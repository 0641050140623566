import re

import pytest

from contrastive_lab.bench.views import run


def test_views_end_in_a_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    run(batch=4, size=8, repeats=1)
    assert re.search(r"batch 4, 8 pixels\n.*: +\d+ im.*\n.*\nratio: \d+\.\d\n$", capsys.readouterr().out)
