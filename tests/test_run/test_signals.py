"""Signals end a run in order: exit code, status, checkpoint, and the same end after a resume."""

import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from contrastive_lab.errors import SignalError
from contrastive_lab.run.signals import STOPPING, StopSignal, heeded, left_to_first
from tests.conftest import TINY, only_run
from tests.test_run.test_resume import STEPS
from tests.test_run.test_train import Trained, Typed, metrics, result, weights


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, *(pytest.param(s, marks=pytest.mark.long) for s in (signal.SIGUSR1, signal.SIGINT))]
)
def test_a_signal_ends_a_run_after_its_step_and_the_run_goes_on(
    number: signal.Signals, tmp_path: Path, trained: Trained, line: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(*TINY, *STEPS, cwd=tmp_path / "whole")
    end, before = StopSignal.on_train_batch_end, signal.getsignal(number)

    def sent(self: StopSignal, trainer: pl.Trainer, *rest: object) -> None:
        if trainer.global_step == 2:
            os.kill(os.getpid(), number)
        end(self, trainer, *rest)

    monkeypatch.setattr(StopSignal, "on_train_batch_end", sent)
    done = line(*TINY, *STEPS, "hydra.run.dir=x", cwd=tmp_path / "parts")
    assert done.code == 128 + number
    told = f"stopped after 2 of 6 steps by {number.name}"
    assert done.err.splitlines()[-1] == f"interrupted: {told}; the same line, or resume=<folder>, goes on"
    folder = tmp_path / "parts" / "x"
    assert (result(folder)["status"], result(folder)["error"]) == ("interrupted", told)
    assert signal.getsignal(number) == before
    trained(*TINY, *STEPS, "hydra.run.dir=x", cwd=tmp_path / "parts")
    whole = only_run(tmp_path / "whole")
    assert metrics(folder) == metrics(whole)
    assert all(torch.equal(value, weights(folder)[name]) for name, value in weights(whole).items())


@pytest.mark.parametrize("number", STOPPING)
def test_a_signal_outside_the_training_is_an_error_of_its_own(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(SignalError, match=f"stopped by {number.name}") as caught, heeded():
        os.kill(os.getpid(), number)
    assert caught.value.code == 128 + number
    assert signal.getsignal(number) == before


def test_after_the_training_the_other_processes_leave_signals_to_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lightning kills the first one, in whatever it is at, where another has ended with an exit code."""
    before = {number: signal.getsignal(number) for number in STOPPING}
    monkeypatch.setattr("contrastive_lab.distributed.is_first", lambda: False)
    try:
        with heeded():
            left_to_first()
            os.kill(os.getpid(), signal.SIGTERM)
        for number in STOPPING:  # and at its very end, where nothing heeds them any more
            os.kill(os.getpid(), number)
        assert {signal.getsignal(number) for number in STOPPING} == {signal.SIG_IGN}
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_the_first_process_is_ended_by_a_signal_after_the_training() -> None:
    with pytest.raises(SignalError), heeded():
        left_to_first()
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_second_ctrl_c_does_what_it_did_before_and_other_signals_may_come_again() -> None:
    callback, trainer = StopSignal(), SimpleNamespace(global_step=0)
    callback.on_train_start(trainer, None)
    try:
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR1):
            os.kill(os.getpid(), number)
            assert callback.taken == number
        os.kill(os.getpid(), signal.SIGINT)
        assert callback.taken == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
    finally:
        callback.on_train_end(trainer, None)


def test_a_signal_behind_the_last_agreement_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    callback, trainer = StopSignal(), SimpleNamespace(global_step=0)
    agree = callback._agree

    def too_late(*told: Any) -> None:
        agree(*told)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(callback, "_agree", too_late)
    with pytest.raises(SignalError, match="stopped by SIGTERM"), heeded():
        callback.on_train_start(trainer, None)
        callback.on_train_end(trainer, None)
        time.sleep(1)


@pytest.mark.parametrize(("seconds", "steps"), [(0.001, 10), (0.5, 4), (30.0, 1)])
def test_several_processes_agree_every_ten_steps_or_two_seconds(
    seconds: float, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other process is one that got SIGUSR1 before the second agreement, and is as fast as this one."""
    agreed, now = [], [0.0]

    def with_other(mine: torch.Tensor) -> torch.Tensor:
        agreed.append(int(trainer.global_step))
        return torch.minimum(mine, torch.tensor([-10.0 * (len(agreed) > 1), 0]))

    monkeypatch.setattr("contrastive_lab.distributed.world_size", lambda: 2)
    monkeypatch.setattr("contrastive_lab.distributed.minimum", with_other)
    monkeypatch.setattr("contrastive_lab.run.signals.time.monotonic", lambda: now[0])
    callback, trainer = StopSignal(), SimpleNamespace(global_step=0, should_stop=False)
    callback.on_train_start(trainer, SimpleNamespace(device="cpu"))
    while not trainer.should_stop:
        trainer.global_step, now[0] = trainer.global_step + 1, now[0] + seconds
        callback.on_train_batch_end(trainer, SimpleNamespace(device="cpu"))
    callback.on_train_end(trainer, SimpleNamespace(device="cpu"))
    assert agreed == [1, 1 + steps, 1 + steps]
    assert callback.number == signal.SIGUSR1
