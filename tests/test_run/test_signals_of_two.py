"""Signals to one of two processes end both, whatever they are at, and the run goes on.

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

import pytest
import torch

from tests.conftest import ROOT, TINY, settled
from tests.forked_runs import children, logged, queued
from tests.test_run.test_train import result

SIGNALS = int(os.environ.get("SIGNALS", "5"))
LIMIT = 10.0  # seconds from a signal to the end, of a machine that does nothing else
# A train.py whose first process sends itself SIGTERM before or after a hook of StopSignal.
SENT = """
import os, signal, sys, time
sys.path.insert(0, {root!r})
from contrastive_lab.commands import enter
from contrastive_lab.run.signals import StopSignal
hook = StopSignal.{hook}
def sent(self, trainer, module):
    for step in {order}:
        if step == "hook":
            hook(self, trainer, module)
        elif trainer.is_global_zero:
            time.sleep({late})
            os.kill(os.getpid(), signal.SIGTERM)
StopSignal.{hook} = sent
sys.exit(enter("train", sys.argv))
"""


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

    def start(*told: str, script: Path = ROOT / "train.py") -> subprocess.Popen[str]:
        own = () if "resume=x" in told else (*TINY, "strategy=ddp_cpu", "hydra.run.dir=x")
        line, environ = [sys.executable, str(script), *settled(*own, *told)], {**os.environ, "OMP_NUM_THREADS": "1"}
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


@pytest.mark.long
@pytest.mark.parametrize(
    ("hook", "order", "late"),
    [
        ("on_train_start", ["signal", "hook"], 0),
        ("on_train_end", ["signal", "hook"], 0),
        ("on_train_end", ["hook", "signal"], 0),
        ("on_train_end", ["hook", "signal"], 3),
    ],
)
def test_a_signal_where_the_training_begins_or_ends(
    hook: str, order: list[str], late: int, tmp_path: Path, two_processes: Callable[..., subprocess.Popen[str]]
) -> None:
    """Lightning's own handler would wait there for the second one, which is at something else."""
    script = tmp_path / "train.py"
    script.write_text(SENT.format(root=str(ROOT), hook=hook, order=order, late=late))
    process = two_processes(script=script)
    _, told = process.communicate(timeout=120)
    assert (process.returncode, result(tmp_path / "x")["status"]) == (143, "interrupted"), told
    assert any(re.match("interrupted: stopped .*by SIGTERM", told_line) for told_line in told.splitlines()), told
