"""The command `detect`; what its lines come to has its tests in test_launch/test_detect.py."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from contrastive_lab.commands import detect
from contrastive_lab.launch.detect import Experiment
from contrastive_lab.launch.experiment import Part
from contrastive_lab.launch.sources import Asked
from tests.conftest import Line

Type = Callable[..., Line]


def test_an_experiment_trains_first_and_its_node_reaches_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = list[tuple[Any, ...]]()

    def run_line(task: object, line: Sequence[str], parts: Any = None, kind: Any = None) -> None:
        ran.append((task, [*line], *([parts([]), kind.primary, kind.experiment, kind.typed] if kind else [])))

    parts = [Part(None, ["start=run"], ("K=4",))]
    monkeypatch.setattr(detect, "run_line", run_line)
    monkeypatch.setattr(detect, "read_experiment", lambda line: Experiment(["train"], ["detect", "b"], {"y": "AP50"}))
    monkeypatch.setattr(detect, "read_asked", lambda line: Asked([*line, "c"], parts))
    detect.task(["detect", "experiment=x"])
    assert ran == [
        (detect.train.task, ["train"]),
        (detect.job, ["detect", "b", "c"], parts, "detect", {"y": "AP50"}, ("detect", "experiment=x")),
    ]


def test_a_wrong_line_is_one_clear_error(type_script: Type) -> None:
    assert type_script("detect", "start=random", "data.imagse=3") == (
        2, "", "error: data.imagse: no such key; did you mean data.images?\n",
    )  # fmt: skip


def test_help_lists_the_settings_of_both_kinds_of_data(type_script: Type) -> None:
    done = type_script("detect", "--help")
    assert done.code == 0
    for text in (
        "run=<folder of a run>",
        "data.overlap=0.3",
        "data.on_error=stop",
        "detector.rois=32",
        "resume=<folder>",
    ):
        assert text in done.out
