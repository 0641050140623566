"""SIGKILL again and again, at random moments and inside the write of a checkpoint: the same bits.

KILLS is how many of them there are, over all methods (10; `make reliability` asks for 100).
"""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.conftest import TINY
from tests.forked_runs import logged, start
from tests.test_run.test_train import Trained, metrics, result, weights

KILLS = int(os.environ.get("KILLS", "10"))
METHODS = {
    "simclr": ("K=60",),
    "moco_v2": ("K=60",),
    "simo": ("K=16",),
    "npid": ("K=60",),
    "swav": ("K=null", "method.queue=256", "method.queue_from_epoch=0"),
}
BATCHES = 8 + KILLS // len(METHODS)  # of an epoch
LONGER = (f"trainer.limit_train_batches={BATCHES}", "epochs=4", "checkpoint_every_n_steps=1", "hydra.run.dir=x")


def kill(line: tuple[str, ...], cwd: Path, step: int, writing: bool, wait: float, script: str = "train.py") -> bool:
    """Start a run and kill it once it has logged a step; returns whether that was inside the write of a checkpoint."""
    process, folder = start(line, cwd, script), cwd / "x"
    step = max(step, logged(folder) + 1)

    def at_work() -> list[Path]:
        return list((folder / "checkpoints").glob("*.partial*"))

    while logged(folder) < step:
        assert process.is_alive(), process.exitcode
        time.sleep(0.002)
    if writing:
        while process.is_alive() and not (at_work() and holds(process.pid or 0, at_work)):
            pass
    else:
        time.sleep(wait)
    process.kill()
    process.join()
    assert process.exitcode == -9
    return bool(at_work())


def holds(pid: int, at_work: Callable[[], list[Path]]) -> bool:
    """Freeze a process; whether it is at work even then (it goes on where it is not)."""
    os.kill(pid, signal.SIGSTOP)
    while "State:\tT" not in Path(f"/proc/{pid}/status").read_text():
        time.sleep(0.0005)
    if at_work():
        return True
    os.kill(pid, signal.SIGCONT)
    return False


@pytest.mark.long
@pytest.mark.parametrize("method", METHODS)
def test_a_run_that_is_killed_again_and_again_comes_to_the_same_bits(
    method: str, tmp_path: Path, trained: Trained
) -> None:
    line = (*TINY, *LONGER, f"method={method}", *METHODS[method])
    trained(*line, cwd=tmp_path / "whole")
    (tmp_path / "killed").mkdir()
    chance = random.Random(method)
    steps = sorted(chance.sample(range(4 * BATCHES - 20), KILLS // len(METHODS)))
    for number, step in enumerate(steps):
        writing = number % 5 == 1
        inside = kill(line, tmp_path / "killed", step, writing, chance.uniform(0, 0.05))
        assert inside or not writing
    assert result(tmp_path / "killed" / "x")["status"] == "running"
    trained(*line, cwd=tmp_path / "killed")
    whole, killed = tmp_path / "whole" / "x", tmp_path / "killed" / "x"
    first, second = weights(whole), weights(killed)
    assert first.keys() == second.keys()
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert metrics(whole) == metrics(killed)
    same = ("status", "linear_top1", "knn_top1", "online_top1", "loss")
    assert {key: result(whole)[key] for key in same} == {key: result(killed)[key] for key in same}
