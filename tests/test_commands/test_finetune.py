"""The command `finetune`; what its lines come to has its tests in test_launch/test_finetune.py."""

from collections.abc import Callable, Sequence

import pytest

from contrastive_lab.commands import finetune
from contrastive_lab.launch.experiment import Part
from contrastive_lab.launch.finetune import Asked
from contrastive_lab.launch.preflight import Kind
from tests.conftest import Line

Type = Callable[..., Line]


def test_the_line_and_its_grids_reach_train(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, ran = Asked(["finetune", "-m", "seed=1"], [Part(None, ["labels=0.1"], ("K=4",))]), list[object]()

    def run_line(task: object, line: Sequence[str], parts: Callable[[list[str]], list[Part]], kind: Kind) -> None:
        ran.extend([task, line, parts(["seed=1"]), kind.command, kind.typed])

    monkeypatch.setattr(finetune, "read_asked", lambda line: asked)
    monkeypatch.setattr(finetune, "run_line", run_line)
    finetune.task(["finetune", "sweep=x"])
    grids, typed = [Part(None, ["seed=1", "labels=0.1"], ("K=4",))], ("finetune", "sweep=x")
    assert ran == [finetune.train.task, asked.line, grids, "train", typed]


def test_a_wrong_line_is_one_clear_error(type_script: Type) -> None:
    done = type_script("finetune", "run=nowhere", "weights=x")
    assert done == (2, "", "error: weights=x: finetune chooses it; leave it out\n")
