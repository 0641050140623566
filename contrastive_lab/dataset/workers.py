"""Processes that decode files ahead of the one that trains or evaluates; they leave signals to it and end with it."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar, cast
from weakref import WeakSet

from torch import Tensor
from torch.utils.data import DataLoader, Dataset, get_worker_info

from contrastive_lab.compat import before_processes_end
from contrastive_lab.errors import RunError

Item = TypeVar("Item")
Made = TypeVar("Made")


def decoded(items: Sequence[Item], make: Callable[[Item], Made], workers: int) -> Iterator[Made]:
    """What `make` gives for each item, in order, from so many processes; from this one for 0."""
    dataset, one = cast(Dataset[Item], items), cast(Callable[[Any], Made], make)  # the types know lists of items alone
    before, ignore = {*multiprocessing.active_children()}, ignore_signals if workers else None
    made = iter(DataLoader(dataset, None, collate_fn=one, num_workers=workers, worker_init_fn=ignore))
    _killed_at_exit(os.getpid()).update({*multiprocessing.active_children()} - before)
    try:
        yield from made
    except RunError as error:  # from a worker torch tells it with the worker's traceback around it
        told = str(error).strip().splitlines()
        raise RunError(told[-1].partition(f"{RunError.__name__}: ")[2] or told[-1]) from None


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def handed_over(rows: Tensor) -> Tensor:
    """The rows, in a worker in /dev/shm, by which they leave it.

    Where that is full they fail with an error that reaches the process that waits for them; the worker's queue, which
    would put them there, loses them without a word.
    """
    return rows.share_memory_() if get_worker_info() else rows


def ignore_signals(worker: int) -> None:
    """Leave signals to the process that a worker is of: it ends its workers itself, once it has stopped in order."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)


@cache
def _killed_at_exit(pid: int) -> WeakSet[BaseProcess]:
    """Workers to kill at the end of this process: Python would end them by SIGTERM, which they ignore, and wait."""
    workers = WeakSet[BaseProcess]()
    before_processes_end(lambda: _kill(workers))
    return workers


def _kill(workers: WeakSet[BaseProcess]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch's handler raises an error for a worker that is killed
    for worker in workers:
        worker.kill()
