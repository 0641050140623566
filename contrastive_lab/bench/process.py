"""Commands of this package in processes of their own, as they are typed."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from contrastive_lab.config.overrides import composed
from contrastive_lab.config.schema import register
from contrastive_lab.errors import RunError
from contrastive_lab.program import variables
from contrastive_lab.record.files import CHECKPOINT

OURS = [sys.executable, "-m", "contrastive_lab"]


def check_line(line: Sequence[str]) -> None:
    """Raise a ConfigError where the settings of a line of `train` are wrong, before any process starts."""
    register()
    composed([*line])


def ended(line: Sequence[str], folder: Path) -> float:
    """Seconds from the start of a process in a folder to its end; RunError, in one line, if it fails."""
    start = time.perf_counter()
    done = subprocess.run(line, cwd=folder, env=_environ(), capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        told = (done.stderr.strip().splitlines() or ["no error was told"])[-1]
        raise RunError(f"{' '.join(line[1:])}: {told}")
    return seconds


def first_step(line: Sequence[str], folder: Path) -> float:
    """Seconds from the start of a training to the checkpoint of its first step, at which it is ended.

    `line` is that of `train`, with the folder below which its run is the only one.
    """
    run = folder / "run"
    own = [*OURS, "train", *line, f"hydra.run.dir={run}", "checkpoint_every_n_steps=1"]
    start = time.perf_counter()
    process = subprocess.Popen(own, cwd=folder, env=_environ(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not (run / CHECKPOINT).exists():
            if process.poll() is not None:
                raise RunError(f"{' '.join(own[1:])}: ended before its first step")
            time.sleep(0.005)
        return time.perf_counter() - start
    finally:
        process.kill()
        process.wait()


def _environ() -> dict[str, str]:
    return {**os.environ, **variables()}
