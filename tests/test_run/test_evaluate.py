"""The protocols on a stored run."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, TINY, command, only_run


@pytest.mark.long
def test_a_stored_run_scores_as_it_did_at_its_end(tmp_path: Path, trained: Callable[..., str]) -> None:
    trained(*TINY, "evaluation.epochs=3")
    folder = only_run(tmp_path).relative_to(tmp_path)
    stored = json.loads((tmp_path / folder / "result.json").read_text())
    done = command("scripts/evaluate.py", f"run={folder}", "evaluation=linear", "evaluation.epochs=3", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / folder / "evaluation_linear_h_3.json").read_text())
    assert found["top1"] == stored["linear_top1"]  # the same encoder, the same protocol, the same seed
    assert f"linear on h: {found['top1']:.2f} % top-1" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "run=<folder of a run> or sweep=<folder of a sweep>: needed"),
        (["run=nowhere"], "run=nowhere: not the folder of a run"),
        (["run=nowhere", "K=3"], "K=3: takes run=<folder of a run>, sweep=<folder of a sweep>, evaluation="),
    ],
)
def test_bad_lines_are_errors(arguments: list[str], message: str, tmp_path: Path) -> None:
    assert (ROOT / "scripts" / "evaluate.py").exists()
    done = command("scripts/evaluate.py", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {message}")
