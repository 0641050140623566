"""How a benchmark is measured: what it depends on is set, and what is compared takes turns."""

import time
from collections.abc import Callable

import torch


def ready(threads: int) -> None:
    """Set what a benchmark depends on: threads, and memory as after any training step."""
    torch.set_num_threads(threads)
    torch.zeros(30 * 2**20, dtype=torch.uint8)  # once freed, glibc keeps memory for reuse


def alternate(functions: dict[Callable[[int], object], int], repeats: int) -> list[list[float]]:
    """Seconds of one call of each function, the mean over its number of calls in a turn.

    The functions take turns, so that a slow spell of the machine meets all of them; the first turn is not counted.
    """
    seconds: list[list[float]] = [[] for _ in functions]
    for turn in range(repeats + 1):
        for times, (function, calls) in zip(seconds, functions.items(), strict=True):
            start = time.perf_counter()
            for call in range(calls):
                function(turn * calls + call)
            times.append((time.perf_counter() - start) / calls)
    return [times[1:] for times in seconds]


def machine() -> str:
    """What a benchmark's numbers belong to, as its first words."""
    return f"torch {torch.__version__}, {torch.get_num_threads()} thread(s)"
