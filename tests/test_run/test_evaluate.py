"""The protocols on a stored run."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from contrastive_lab.evaluation.scores import Scores
from contrastive_lab.launch.evaluate import evaluate_one
from contrastive_lab.record.result import read_result
from contrastive_lab.run import evaluate
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


def test_what_another_process_scores_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shutil.copytree(ROOT / "tests" / "stored_runs" / "done", tmp_path / "run")

    def score(*_: object) -> Scores:
        result = read_result(folder)
        result.scores |= {"mean_top1": 50.0}
        result.write(folder)
        return Scores(40.0, 90.0)

    monkeypatch.setattr(evaluate, "score", score)
    evaluate_one(folder, {"evaluation": "knn", "evaluation.k": "3"})
    scores = read_result(folder).scores
    assert (scores["mean_top1"], scores["knn_k3_top1"]) == (50.0, 40.0)


def test_a_run_that_scores_pixels_has_their_neighbours_too(tmp_path: Path, trained: Callable[..., str]) -> None:
    trained(*TINY, "epochs=0", "evaluation.features=pixels")
    run = only_run(tmp_path)
    own = read_result(run).scores["knn_top1"]
    evaluate_one(run, {"evaluation": "knn", "evaluation.features": "pixels"})
    found = read_result(run).scores
    assert found["knn_top1"] == own and "knn_pixels_top1" not in found  # it has measured that itself
    evaluate_one(run, {"evaluation": "knn"})
    assert read_result(run).scores["knn_h_top1"] != own


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
