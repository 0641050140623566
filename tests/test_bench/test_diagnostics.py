import re

import pytest

from contrastive_lab.bench.diagnostics import run


def test_diagnostics_are_a_share_of_a_step(capsys: pytest.CaptureFixture[str]) -> None:
    run(batch=8, K=5, repeats=1)
    assert re.search(r"batch 8, K 5\ndiagnostics: -?\d+\.\d % of a step", capsys.readouterr().out)
