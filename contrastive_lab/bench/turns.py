"""How a benchmark is measured: what it depends on is set, and what is compared takes turns in one process."""

import math
import os
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch


def ready(threads: int) -> None:
    """Set what a benchmark depends on: threads, 0 for one a core, and memory as after any training step."""
    torch.set_num_threads(threads or os.cpu_count() or 1)
    torch.zeros(30 * 2**20, dtype=torch.uint8)  # once freed, glibc keeps memory for reuse


def now() -> float:
    """Seconds of a clock, once a GPU has done what it was given."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter()


def alternate(functions: dict[Callable[[int], object], int], repeats: int) -> list[list[float]]:
    """Seconds of one call of each function, the mean over its number of calls in a turn.

    The functions take turns, so that a slow spell of the machine meets all of them; the first turn is not counted.
    """
    seconds: list[list[float]] = [[] for _ in functions]
    for turn in range(repeats + 1):
        for times, (function, calls) in zip(seconds, functions.items(), strict=True):
            start = now()
            for call in range(calls):
                function(turn * calls + call)
            times.append((now() - start) / calls)
    return [times[1:] for times in seconds]


def ratio(times: Sequence[float], base: Sequence[float]) -> dict[str, float | None]:
    """How many times as long as `base`: the median over turns, in which both stood side by side, and the extremes."""
    found = [a / b for a, b in zip(times, base, strict=True)]
    return {"ratio": statistics.median(found), "least": min(found), "most": max(found)}


def seconds_of(times: Sequence[float]) -> dict[str, float | None]:
    """The median of some seconds, and the extremes."""
    return {"s": statistics.median(times), "least": min(times), "most": max(times)}


def power(x: Sequence[float], y: Sequence[float | None]) -> float:
    """The exponent b of y = a x^b by least squares of the logarithms; nan where something is 0 or was not measured."""
    if not all(y):
        return math.nan
    return float(np.polyfit(np.log(x), np.log(np.array(y, dtype=float)), 1)[0])


def missing(package: str, install: str = "contrastive-lab[bench]") -> str | None:
    """What to install where a package that is compared with is not there; None where it is."""
    if find_spec(package) is not None:
        return None
    return f'{package} is not installed: pip install "{install}"'


def alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns in a new process, so that no benchmark meets what an earlier one left in memory."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def machine() -> str:
    """What a benchmark's numbers belong to, as its first words."""
    return f"torch {torch.__version__}, {torch.get_num_threads()} thread(s)"
