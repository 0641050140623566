"""A sweep's finished runs are evaluated once each, and the scores reach its table."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig

from contrastive_lab.errors import ConfigError, RunError
from contrastive_lab.evaluation.scores import Scores
from contrastive_lab.launch import evaluate
from contrastive_lab.launch.evaluate import evaluate_sweep
from contrastive_lab.record.sweep import read_sweep
from contrastive_lab.run.evaluate import _keep, score_name
from tests.sweep_folder import write_run, write_sweep

Compose = Callable[..., DictConfig]


@pytest.fixture
def sweep(tmp_path: Path, compose: Compose, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two finished runs, one that failed, and one that lacks its checkpoint."""
    monkeypatch.setattr(evaluate, "stored_config", lambda run: compose("K=4"))
    monkeypatch.setattr(evaluate, "asked_config", lambda run, values: compose("K=4"))
    monkeypatch.setattr(evaluate, "check_stored", lambda run: [f"{run}: has no checkpoint"] * ("K=32" in run.name))
    states = {4: "done", 8: "done", 16: "failed", 32: "done"}
    return write_sweep(tmp_path / "s", [({"K": K}, {"linear_top1": 50.0, "status": s}) for K, s in states.items()])


def test_what_is_there_is_not_done_again_and_the_table_has_the_scores(
    sweep: Path, compose: Compose, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done: list[str] = []

    def run(folder: Path, config: DictConfig, other: str) -> str:
        done.append(folder.name)
        if folder.name == "K=8" and len(done) < 3:
            raise RunError("no room")
        _keep(folder, ("knn", "linear"), "mean", Scores(40.0 + len(done), 90.0), 90.0)
        return "scored"

    monkeypatch.setattr(evaluate, "evaluate_run", run)
    asked = {"evaluation": "mean"}
    with pytest.raises(RunError, match=r"^2 of 3 finished runs could not be evaluated$"):
        evaluate_sweep(sweep, asked)
    told = capsys.readouterr().out
    assert "left out: " in told and "1 of 2  scored\n" in told and "2 of 2  failed: no room" in told
    with pytest.raises(RunError, match=r"^1 of 3"):
        evaluate_sweep(sweep, asked)
    told = capsys.readouterr().out
    assert "1 of 2  mean_top1 is there already: 41.00 %" in told and f"sweep={sweep} y=mean_top1\n" in told
    assert done == ["K=4", "K=8", "K=8"]
    table = read_sweep(sweep).runs.set_index("K")
    assert table["mean_top1"][4] == 41.0 and table["mean_top1"][8] == 43.0 and table["linear_top1"][4] == 50.0


def test_finished_runs_of_earlier_lines_are_told(
    sweep: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(evaluate, "evaluate_run", lambda folder, *_: seen.append(folder.name) or "scored")
    (sweep / "K=32" / "result.json").unlink()
    evaluate_sweep(sweep, {"evaluation": "mean"})
    assert "notice" not in capsys.readouterr().out
    for name, status in (("K=1", "done"), ("K=2", "done"), ("K=3", "failed"), ("K=5", "done")):
        write_run(sweep / name, {"status": status})
        (sweep / name / ".hydra").mkdir()
        (sweep / name / ".hydra" / "config.yaml").touch()
    (sweep / "K=5" / "result.json").write_text("{")
    evaluate_sweep(sweep, {"evaluation": "mean"})
    told = capsys.readouterr().out.splitlines()[0]
    assert told.startswith(f"notice: 2 finished runs of earlier lines in {sweep}: sweep= takes them once the line that")
    assert seen == ["K=4", "K=8"] * 2


def test_a_sweep_without_a_finished_run_is_one_line(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path / "s", [({"K": 4}, None)])
    with pytest.raises(ConfigError, match="no finished run in it"):
        evaluate_sweep(sweep, {})


def test_a_run_s_own_classifier_knows_no_other_data(compose: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "asked_config", lambda run, values: compose("method=finetune"))
    for values in ({"dataset": "cifar10"}, {"dataset": "cifar10", "evaluation": "classifier"}):
        with pytest.raises(ConfigError, match=r"^evaluation=classifier: .*leave out dataset="):
            evaluate.evaluate_one(Path("x"), values)
    monkeypatch.setattr(evaluate, "asked_config", lambda run, values: compose())
    with pytest.raises(ConfigError, match=r"^evaluation=classifier: SiMo trains none"):
        evaluate.evaluate_one(Path("x"), {"evaluation": "classifier"})


@pytest.mark.parametrize(
    ("line", "other", "name"),
    [
        (("evaluation=linear",), "", "linear_epochs100"),
        (("evaluation=linear", "evaluation.epochs=30"), "", "linear"),
        (("evaluation=linear",), "cifar10", "transfer_cifar10_linear"),
        (("evaluation=knn",), "", "knn"),
        (("evaluation=knn", "evaluation.k=20"), "", "knn_k20"),
        (("evaluation=mean", "evaluation.features=h"), "", "mean_h"),
        (("evaluation=linear_moco", "evaluation.lr=3"), "photos", "transfer_photos_linear_moco_lr3"),
    ],
)
def test_a_score_is_named_by_what_differs_from_the_run_s_own(
    line: tuple[str, ...], other: str, name: str, compose: Compose
) -> None:
    assert score_name(compose("evaluation.epochs=30"), compose(*line).evaluation, other) == name


def test_the_run_s_own_score_stays_and_a_run_that_goes_on_gets_none(tmp_path: Path) -> None:
    for name, status in (("done", "done"), ("interrupted", "interrupted")):
        write_run(tmp_path / name, {"knn_top1": 70.0, "status": status})
        for score in ("knn", "transfer_a_knn"):
            _keep(tmp_path / name, ("knn", "linear"), score, Scores(10.0, 20.0), 20.0)
    found, other = (json.loads((tmp_path / name / "result.json").read_text()) for name in ("done", "interrupted"))
    assert (found["knn_top1"], found["transfer_a_knn_top1"], "knn_top5" in found) == (70.0, 10.0, False)
    assert other["knn_top1"] == 70.0 and "transfer_a_knn_top1" not in other
