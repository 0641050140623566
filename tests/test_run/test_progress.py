"""What a run says of how far it is."""

import io
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from contrastive_lab.run import progress
from contrastive_lab.run.progress import Bar, GoesOn, Lines, Pace, progress_callback


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that the test sets."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def trainer(step: int, epoch: int = 0) -> Any:
    """At some step of 100, in an epoch of 10."""
    return SimpleNamespace(global_step=step, estimated_stepping_batches=100, current_epoch=epoch, max_epochs=10)


def test_the_time_left_is_that_of_the_whole_run_at_the_speed_of_this_process(clock: list[float]) -> None:
    pace = Pace()
    pace.start(trainer(20))
    assert pace.left(trainer(20)) is None
    clock[0] = 30.0
    assert pace.left(trainer(30)) == "4 min"  # 3 s a step, 70 steps: 210 s
    assert pace.left(trainer(100)) == "0 s"


def test_off_a_terminal_an_epoch_is_a_line(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    lines, module = Lines(), SimpleNamespace(epoch_loss=torch.tensor([25.0, 10.0]))
    lines.on_train_start(trainer(0), module)  # type: ignore[arg-type]
    clock[0] = 10.0
    lines.on_train_epoch_end(trainer(10), module)  # type: ignore[arg-type]
    lines.on_train_epoch_end(trainer(100, 9), module)  # type: ignore[arg-type]
    out = capsys.readouterr().out.splitlines()
    assert out == [
        "epoch 1 of 10  loss 2.5000  about 90 s left".replace("90 s", "2 min"),
        "epoch 10 of 10  loss 2.5000",
    ]


def test_a_run_says_which_step_it_goes_on_from_and_nothing_at_its_start(capsys: pytest.CaptureFixture[str]) -> None:
    started, resumed, module = GoesOn(), GoesOn(), pl.LightningModule()
    resumed.on_load_checkpoint(trainer(0), module, {"global_step": 54})
    for callback in (started, resumed):
        callback.on_fit_start(trainer(0), module)  # which has the step later
    assert capsys.readouterr().out == "goes on from step 54 of 100\n"


def test_the_bar_shows_the_time_left_and_no_version_number(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"v_num": 3, "loss": 0.5}
    monkeypatch.setattr("pytorch_lightning.callbacks.TQDMProgressBar.get_metrics", lambda *args: dict(given))
    bar = Bar()
    bar.pace.start(trainer(0))
    assert bar.get_metrics(trainer(0), None) == {"loss": 0.5}
    clock[0] = 50.0
    assert bar.get_metrics(trainer(50), None) == {"loss": 0.5, "left": "50 s"}


def test_a_bar_is_for_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for terminal, kind in ((True, Bar), (False, Lines)):
        stream = io.StringIO()
        monkeypatch.setattr(stream, "isatty", lambda terminal=terminal: terminal)
        monkeypatch.setattr(sys, "stdout", stream)
        assert isinstance(progress_callback(), kind)
