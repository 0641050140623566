"""Runs in processes that are forked where everything is imported, to be killed: a start takes no seconds."""

import multiprocessing
import os
import sys
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import torch

import contrastive_lab.run.train  # noqa: F401  (so that it need not be imported again)
from contrastive_lab.commands import detect, train
from tests.conftest import settled

CONTEXT = multiprocessing.get_context("forkserver")


COMMANDS = {"train.py": train.main, "scripts/detect.py": detect.main}


def start(line: tuple[str, ...], cwd: Path, script: str = "train.py") -> ForkServerProcess:
    """Type `python <script> ...` in a folder; returns the process at once."""
    CONTEXT.set_forkserver_preload(["tests.forked_runs"])
    process = CONTEXT.Process(target=_enter, args=(line, cwd, script))
    process.start()
    return process


def _enter(line: tuple[str, ...], cwd: Path, script: str) -> None:
    os.chdir(cwd)
    torch.set_num_threads(1)
    silent = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silent, stream)
    sys.argv = [script, *settled(*line)]
    os._exit(COMMANDS[script](sys.argv))


def children(pid: int) -> list[int]:
    """Processes that a process started, by /proc."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]


def logged(folder: Path) -> int:
    """The last step in a run's metrics.csv, -1 before there is one."""
    try:
        return int((folder / "metrics.csv").read_text().splitlines()[-1].split(",")[0])
    except (FileNotFoundError, IndexError, ValueError):
        return -1


def queued(pid: int) -> float:
    """Seconds that a process has stood in the queue for a processor, as on a busy machine; 0 of one that is gone."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
