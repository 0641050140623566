"""The command `evaluate`; what it scores has its tests in test_run/test_evaluate.py."""

from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from contrastive_lab.commands import evaluate
from contrastive_lab.config import CONF
from tests.conftest import Line

Type = Callable[..., Line]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "run=<folder of a run>: needed"),
        (("run=nowhere",), "run=nowhere: not the folder of a run"),
        (("run=nowhere", "K=3"), "K=3: takes run=<folder of a run>, evaluation=<protocol>"),
    ],
)
def test_a_wrong_line_is_one_clear_error(arguments: tuple[str, ...], problem: str, type_script: Type) -> None:
    done = type_script("evaluate", *arguments)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith(f"error: {problem}")


def test_help_has_the_settings_of_every_protocol(type_script: Type) -> None:
    blocks = type_script("evaluate", "--help").out.partition("\n\nevaluation=")[2].split("\n\nevaluation=")
    files = {path.stem: OmegaConf.load(path) for path in (CONF / "evaluation").glob("*.yaml")}
    assert [block.partition("\n")[0] for block in blocks] == sorted(files)
    for block in blocks:
        values = files[block.partition("\n")[0]]
        rows = [line.split()[0] for line in block.splitlines()[1:] if line.startswith("  evaluation.")]
        assert rows == [f"evaluation.{key}={values[key]}" for key in values if key not in ("name", "_target_")]


def test_a_run_has_its_own_configuration_with_the_protocol_and_the_places_of_the_line(
    compose: Callable[..., DictConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[DictConfig] = []
    monkeypatch.setattr(evaluate, "stored_folder", Path)
    monkeypatch.setattr(evaluate, "stored_config", lambda folder: compose("K=5", "evaluation=mean"))
    monkeypatch.setattr("contrastive_lab.run.evaluate.evaluate_run", lambda folder, config: asked.append(config))
    evaluate.task({"run": "x", "evaluation": "knn", "evaluation.k": "20", "data_dir": "there"})
    (config,) = asked
    assert (config.K, config.data_dir) == (5, "there")
    assert (config.evaluation.name, config.evaluation.k) == ("knn", 20)
