"""What a loss and its gradient cost: in blocks of rows, and with all cosines at once."""

import statistics
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from torch.nn import functional as F

from contrastive_lab import pairs
from contrastive_lab.bench.turns import alternate, machine
from contrastive_lab.negatives import from_batch
from contrastive_lab.objective import Objective
from contrastive_lab.randomness import StepRandom

BLOCK, WHOLE = pairs.BLOCK, 2**62  # a block as in training, and one that holds all
MOST = 4096  # images up to which all cosines are made at once


def run(sizes: Sequence[int], dim: int, repeats: int) -> None:
    """Print what SimCLR's loss of N images and its gradient cost, 2N queries with all 2N - 2 negatives each."""
    print(f"{machine()}, SimCLR's loss and gradient, D {dim}")
    print(f"{'N':>6} {'MB in blocks':>13} {'MB at once':>11} {'s in blocks':>12} {'s at once':>10} {'ratio':>6}")
    memory = []
    for N in sizes:
        kinds = [BLOCK, WHOLE] if N <= MOST else [BLOCK]
        peaks = [_alone(N, dim, block) for block in kinds]
        turns = alternate({_step(N, dim, block): 1 for block in kinds}, repeats)
        seconds = [statistics.median(times) for times in turns]
        cells = [f"{N:6}", f"{peaks[0]:13.0f}", f"{peaks[-1]:11.0f}", f"{seconds[0]:12.2f}", f"{seconds[-1]:10.2f}"]
        ratio = f"{statistics.median(a / b for a, b in zip(turns[0], turns[-1], strict=True)):6.2f}"
        print(*([*cells, ratio] if N <= MOST else [*cells[:2], " " * 11, cells[3]]))
        memory.append(peaks[0])
    if len(sizes) > 1:
        power = np.polyfit(np.log(sizes), np.log(memory), 1)[0]
        print(f"memory in blocks grows like N to the power of {power:.2f}")


def _step(N: int, dim: int, block: int) -> Callable[[int], None]:
    """A loss and its gradient at both views of N images."""
    source = torch.Generator().manual_seed(0)
    views = [F.normalize(torch.randn(N, dim, generator=source), dim=1).requires_grad_() for _ in range(2)]
    ids = torch.arange(N)

    def step(number: int) -> None:
        random, keys, parts = StepRandom(0, 0, number, N, 0, N), torch.cat(views), []
        for this, z in enumerate(views):
            chosen = from_batch(random, None, 2, purpose=f"negatives/{this}")
            pos = pairs.row_cosines(z, views[1 - this])
            parts.append(pairs.Part(z, pos, ids, keys, ids.repeat(2), chosen, z))
        with patch.object(pairs, "BLOCK", block):
            Objective().losses(pairs.Pairs(parts), 0.1, None).mean().backward()

    return step


def _alone(N: int, dim: int, block: int) -> float:
    """Megabytes that one step takes at its peak, in a process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as alone:
        return alone.submit(_peak, N, dim, block).result()


def _peak(N: int, dim: int, block: int) -> float:
    step, before = _step(N, dim, block), _most_memory()
    step(0)
    return (_most_memory() - before) / 1024


def _most_memory() -> int:
    """The most memory that this process had, in kB, as Linux counts it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])
