"""A long run takes no more memory than a short one; `make reliability` asks for 20,000 steps."""

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import pytest

from tests.conftest import ROOT, TINY
from tests.forked_runs import logged

STEPS = int(os.environ.get("STEPS", "2000"))  # of 64 images; an epoch has 78
LEFT_OUT = ("epochs=1", "trainer.limit_train_batches=5", "evaluation.epochs=2")
# Blocks that are freed go back at once: what malloc keeps of those of an evaluation, 25 MB or nothing, is no growth.
AT_ONCE = {"MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "131072"}
LINE = ("hydra.run.dir=x", f"epochs={STEPS // 78 + 1}", "logger=wandb", "evaluation=knn")


def resident(pid: int) -> float:
    """Resident memory of a process in MB; 0 where it has ended."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return sum(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmRSS:"))


@pytest.mark.long
def test_memory_does_not_grow_with_the_steps(tmp_path: Path) -> None:
    told = [*(option for option in TINY if option not in LEFT_OUT), *LINE]
    environ = {**os.environ, "OMP_NUM_THREADS": "1", "WANDB_MODE": "offline", **AT_ONCE}
    line = [sys.executable, str(ROOT / "train.py"), *told]
    seen: dict[int, float] = {}
    silent = subprocess.DEVNULL
    with subprocess.Popen(line, cwd=tmp_path, env=environ, stdout=silent, stderr=silent) as run:
        while run.poll() is None:
            if (step := logged(tmp_path / "x")) >= 200 and (size := resident(run.pid)):
                seen[step] = size
            time.sleep(0.2)
    assert run.returncode == 0
    steps = [step for step in sorted(seen) if step < STEPS]
    assert (steps[0] < 300, steps[-1] > STEPS - 100) == (True, True)
    tenth = STEPS // 10
    early, late = ([seen[step] for step in steps if low <= step < low + tenth] for low in (200, STEPS - tenth))
    assert median(late) - median(early) < 20, seen
