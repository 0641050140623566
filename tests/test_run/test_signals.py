"""Signals end a run in order: exit code, status, checkpoint, and the same end after a resume.

SIGNALS is how many go to a run of two processes at a random moment (5; `make reliability` asks for 20).
"""

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
import pytorch_lightning as pl
import torch

from contrastive_lab.errors import SignalError
from contrastive_lab.run.signals import STOPPING, StopSignal, heeded, left_to_first
from tests.conftest import ROOT, TINY, only_run, settled
from tests.forked_runs import children, logged, queued
from tests.test_run.test_resume import STEPS
from tests.test_run.test_train import Trained, Typed, metrics, result, weights

SIGNALS = int(os.environ.get("SIGNALS", "5"))
LIMIT = 10.0  # seconds from a signal to the end, of a machine that does nothing else


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


def runs(pid: int) -> bool:
    """Whether there is a process that has not ended; one that nobody asked for its exit code has no command line."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_text())
    except FileNotFoundError:
        return False


@pytest.fixture
def two_processes(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the first of two processes of a run in tmp_path / "x"; none of them is left at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(*told: str) -> subprocess.Popen[str]:
        own = () if "resume=x" in told else (*TINY, "strategy=ddp_cpu", "hydra.run.dir=x")
        line, environ = (
            [sys.executable, str(ROOT / "train.py"), *settled(*own, *told)],
            {**os.environ, "OMP_NUM_THREADS": "1"},
        )
        options = {"cwd": tmp_path, "env": environ, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(line, **options, start_new_session=True))
        return started[-1]

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def others(pid: int) -> list[int]:
    """The further processes of a run, by its first one."""
    return [child for child in children(pid) if "train.py" in Path(f"/proc/{child}/cmdline").read_text()]


def await_end(process: subprocess.Popen[str], *further: int) -> None:
    """Wait for the end of a run's processes, within `LIMIT` beside what one stood in the queue for a processor."""
    began, pids, waited = time.monotonic(), (process.pid, *further), 0.0
    before = {pid: queued(pid) for pid in pids}
    while process.poll() is None or any(map(runs, further)):
        waited = max(waited, *(queued(pid) - before[pid] for pid in pids))
        assert time.monotonic() - began < LIMIT + waited, f"no end, of {waited:.1f} s in the queue"
        time.sleep(0.05)


@pytest.mark.long
@pytest.mark.parametrize("attempt", range(SIGNALS))
def test_a_signal_to_one_of_two_processes_ends_both(
    attempt: int, tmp_path: Path, two_processes: Callable[..., subprocess.Popen[str]]
) -> None:
    whom, chance = ("first", "second", "all", "group")[attempt % 4], random.Random(attempt)
    number = signal.SIGTERM if attempt < 4 else (signal.SIGINT, signal.SIGUSR1, signal.SIGTERM)[attempt % 3]
    process = two_processes("trainer.limit_train_batches=400", "epochs=3")
    started, step = time.monotonic(), chance.randrange(60)
    while logged(tmp_path / "x") < step:
        assert process.poll() is None and time.monotonic() - started < 240
        time.sleep(0.05)
    time.sleep(chance.uniform(0, 0.1))
    (second,) = others(process.pid)
    if whom == "group":
        os.killpg(process.pid, number)
    for pid in {"first": [process.pid], "second": [second], "all": [process.pid, second]}.get(whom, []):
        os.kill(pid, number)
    await_end(process, second)
    _, told_at_end = process.communicate(timeout=60)
    assert process.returncode == 128 + number, told_at_end
    assert result(tmp_path / "x")["status"] == "interrupted"
    step = torch.load(tmp_path / "x" / "checkpoints" / "last.ckpt", weights_only=True)["global_step"]
    assert f"stopped after {step} of 234 steps by {number.name}" in told_at_end


def ignores(pid: int, number: signal.Signals) -> bool:
    """Whether a process ignores a signal, as those but the first do from the end of the training on."""
    (mask,) = re.findall(r"SigIgn:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())
    return bool(int(mask, 16) >> (number - 1) & 1)


@pytest.mark.long
@pytest.mark.parametrize("whom", ["first", "second", "both", "first, while the second hangs"])
def test_a_signal_in_the_final_evaluation_of_two_processes(
    whom: str, tmp_path: Path, two_processes: Callable[..., subprocess.Popen[str]]
) -> None:
    """One to the second alone ends nothing; any other ends both, and the evaluation is done by the resumed run."""
    process = two_processes("evaluation.epochs=500")
    started = time.monotonic()
    while not ((found := others(process.pid)) and ignores(found[0], signal.SIGTERM)):
        assert process.poll() is None and time.monotonic() - started < 240
        time.sleep(0.05)
    assert result(tmp_path / "x")["linear_top1"] is None
    if hangs := whom.endswith("hangs"):
        os.kill(found[0], signal.SIGSTOP)  # the first one waits for its share of the features
        time.sleep(2)
    for pid in {"second": found, "both": [process.pid, *found]}.get(whom, [process.pid]):
        os.kill(pid, signal.SIGTERM)
    if whom != "second":
        await_end(process, *([] if hangs else found))
        if hangs:
            os.kill(found[0], signal.SIGCONT)
            await_end(process, *found)
        _, told = process.communicate(timeout=60)
        assert (process.returncode, result(tmp_path / "x")["status"]) == (143, "interrupted"), told
        assert "interrupted: stopped by SIGTERM; the same line, or resume=<folder>, goes on" in told.splitlines()
        process = two_processes("resume=x")
    _, told = process.communicate(timeout=240)
    assert (process.returncode, result(tmp_path / "x")["status"]) == (0, "done"), told
    assert result(tmp_path / "x")["linear_top1"] > 10
