"""A long run takes no more memory than a short one; `make reliability` asks for 20,000 steps."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT, TINY
from tests.forked_runs import logged

STEPS = int(os.environ.get("STEPS", "2000"))  # of 64 images; an epoch has 78
LEFT_OUT = ("epochs=1", "trainer.limit_train_batches=5", "evaluation.epochs=2")
LINE = ("hydra.run.dir=x", f"epochs={STEPS // 78 + 1}", "logger=wandb", "evaluation=knn")


def resident(pid: int) -> float:
    """Resident memory of a process in MB; 0 where it has ended."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return sum(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmRSS:"))


@pytest.mark.long
def test_memory_does_not_grow_with_the_steps(tmp_path: Path) -> None:
    told = [*(option for option in TINY if option not in LEFT_OUT), *LINE]
    environ = {**os.environ, "OMP_NUM_THREADS": "1", "WANDB_MODE": "offline"}
    line = [sys.executable, str(ROOT / "train.py"), *told]
    seen: dict[int, float] = {}
    silent = subprocess.DEVNULL
    with subprocess.Popen(line, cwd=tmp_path, env=environ, stdout=silent, stderr=silent) as run:
        while run.poll() is None:
            if (step := logged(tmp_path / "x")) >= 200 and (size := resident(run.pid)):
                seen[step] = size
            time.sleep(0.2)
    assert run.returncode == 0
    first, *_, last = [step for step in sorted(seen) if step < STEPS]
    assert (first < 300, last > STEPS - 100) == (True, True)
    assert seen[last] - seen[first] < 20, seen
