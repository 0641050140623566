"""The command `evaluate`; what it scores has its tests in test_run/test_evaluate.py."""

from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig

from contrastive_lab.commands import evaluate
from contrastive_lab.config.help import options_help
from tests.conftest import Line

Type = Callable[..., Line]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "run=<folder of a run> or sweep=<folder of a sweep>: needed"),
        (("run=nowhere",), "run=nowhere: not the folder of a run"),
        (("run=nowhere", "K=3"), "K=3: takes run=<folder of a run>, sweep=<folder of a sweep>, evaluation=<protocol>"),
    ],
)
def test_a_wrong_line_is_one_clear_error(arguments: tuple[str, ...], problem: str, type_script: Type) -> None:
    done = type_script("evaluate", *arguments)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith(f"error: {problem}")


def test_help_has_the_settings_of_the_protocols(type_script: Type) -> None:
    assert type_script("evaluate", "--help").out.endswith(options_help("evaluation") + "\n")


def test_a_run_has_its_own_configuration_with_the_protocol_and_the_places_of_the_line(
    compose: Callable[..., DictConfig], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[DictConfig] = []
    monkeypatch.setattr(evaluate, "stored_folder", Path)
    monkeypatch.setattr("contrastive_lab.launch.moved.stored_config", lambda folder: compose("K=5", "evaluation=mean"))
    monkeypatch.setattr(
        "contrastive_lab.launch.evaluate.evaluate_run", lambda folder, config, other: asked.append(config)
    )
    evaluate.task({"run": "x", "evaluation": "knn", "evaluation.k": "20", "data_dir": str(tmp_path)})
    (config,) = asked
    assert (config.K, config.data_dir) == (5, str(tmp_path))
    assert (config.evaluation.name, config.evaluation.k) == ("knn", 20)


def test_the_protocol_is_one_of_the_runs_own_method(
    compose: Callable[..., DictConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(evaluate, "stored_folder", Path)
    monkeypatch.setattr("contrastive_lab.launch.moved.stored_config", lambda folder: compose("method=finetune"))
    monkeypatch.setattr(
        "contrastive_lab.launch.evaluate.evaluate_run",
        lambda folder, config, other: asked.append(config.evaluation.name),
    )
    evaluate.task({"run": "x", "evaluation": "classifier"})
    evaluate.task({"run": "x"})
    assert asked == ["classifier", "classifier"]
