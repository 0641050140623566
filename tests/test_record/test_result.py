"""result.json: read back as it was written, also by today's version of the code."""

import json
from pathlib import Path

import pytest

from contrastive_lab.errors import ConfigError
from contrastive_lab.record.result import Result, Status, read_result
from tests.conftest import ROOT

STORED = sorted((ROOT / "tests" / "stored_runs").rglob("result.json"))


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.parent.name[:12])
def test_a_stored_result_is_written_back_to_the_same_bytes(path: Path, tmp_path: Path) -> None:
    result = read_result(path.parent)
    assert (result.status, result.seed) == (json.loads(path.read_text())["status"], 0)
    result.write(tmp_path)
    assert (tmp_path / "result.json").read_bytes() == path.read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]


def test_accuracies_and_unknown_keys_are_scores_and_stand_before_the_estimate() -> None:
    result = Result.of({"status": "done", "seed": 3, "mean_top1": 50.0, "later": "x", "loss": 2.0})
    assert (result.status, result.seed, result.loss) == (Status.DONE, 3, 2.0)
    assert result.scores == {"mean_top1": 50.0, "later": "x"}
    keys = list(result.flat())
    assert keys[keys.index("seed") : keys.index("mi_estimate") + 1] == ["seed", "mean_top1", "later", "mi_estimate"]
    assert Result.of(result.flat()) == result
    assert "arch" not in keys and Result(arch="resnet26").flat()["arch"] == "resnet26"


def test_what_makes_the_loss_another_one_is_no_score_and_stands_after_tau() -> None:
    told = {"loss.name": "hard", "sets": 3, "remember": 0.0, "own_class_share": 0.5, "dclw_sigma": 0.5}
    result = Result.of({"status": "done", "tau": 0.2, **told, "batch_size": 8, "loss": 2.0, "knn_top1": 50.0})
    assert (result.objective, result.scores, result.loss) == (told, {"knn_top1": 50.0}, 2.0)
    keys = list(result.flat())
    assert keys[keys.index("tau") : keys.index("batch_size") + 1] == ["tau", *told, "batch_size"]
    assert Result.of(result.flat()) == result
    assert not set(told) & set(Result(Status.DONE).flat())


def test_a_folder_without_a_result_is_missing(tmp_path: Path) -> None:
    assert read_result(tmp_path) == Result(Status.MISSING)


@pytest.mark.parametrize("text", ['{"status": "do', "[1]", '{"status": "cooking"}'])
def test_a_damaged_result_stops_a_run_in_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text(text)
    with pytest.raises(ConfigError, match=r"result\.json: damaged; without it the run counts as not finished"):
        read_result(tmp_path)


def test_a_flat_result_holds_plain_values() -> None:
    assert type(Result(Status.DONE).flat()["status"]) is str  # W&B would write an Enum by its name
