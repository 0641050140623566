"""What a loss and its gradient cost: in blocks of rows, and with all cosines at once."""

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest.mock import patch

import torch
from torch.nn import functional as F

from contrastive_lab import pairs
from contrastive_lab.bench.turns import alone, alternate, power, ratio
from contrastive_lab.negatives import from_batch
from contrastive_lab.objective import Objective
from contrastive_lab.randomness import StepRandom
from contrastive_lab.record.speed import Outcome, Row

BLOCK, WHOLE = pairs.BLOCK, 2**62  # a block as in training, and one that holds all
MOST = 4096  # images up to which all cosines are made at once


def run(sizes: Sequence[int], dim: int, rounds: int) -> Outcome:
    """Memory and time of SimCLR's loss of N images and its gradient, 2N queries with all 2N - 2 negatives each."""
    outcome = Outcome(rows=[], told=["MB in blocks", "ratio"], notes=[f"SimCLR's loss and gradient, D = {dim}"])
    for N in sizes:
        kinds = {"in blocks": BLOCK} | ({"at once": WHOLE} if N <= MOST else {})
        found: dict[str, float | None] = {f"MB {kind}": _alone(N, dim, block) for kind, block in kinds.items()}
        turns = alternate({simclr_loss(N, dim, block): 1 for block in kinds.values()}, rounds)
        found |= {f"s {kind}": statistics.median(times) for kind, times in zip(kinds, turns, strict=True)}
        outcome.rows.append(Row(case=f"N = {N:,}", values=found | (ratio(*turns) if len(turns) > 1 else {})))
    if len(sizes) > 1:
        powers = (power(sizes, [row.values[name] for row in outcome.rows]) for name in ("MB in blocks", "s in blocks"))
        grown = " and time to the power of ".join(f"{each:.2f}" for each in powers)
        outcome.notes.append(f"memory in blocks grows like N to the power of {grown}")
    return outcome


def simclr_loss(N: int, dim: int, block: int, device: str = "cpu") -> Callable[[int], None]:
    """SimCLR's loss and its gradient at both views of N images, in blocks of so many cosines."""
    source = torch.Generator().manual_seed(0)
    views = [F.normalize(torch.randn(N, dim, generator=source), dim=1).to(device).requires_grad_() for _ in range(2)]
    ids = torch.arange(N, device=device)

    def step(number: int) -> None:
        random, keys, parts = StepRandom(0, 0, number, N, 0, N), torch.cat(views), []
        for this, z in enumerate(views):
            chosen = from_batch(random, None, 2, purpose=f"negatives/{this}", device=device)
            pos = pairs.row_cosines(z, views[1 - this])
            parts.append(pairs.Part(z, pos, ids, keys, ids.repeat(2), chosen, z))
        with patch.object(pairs, "BLOCK", block):
            Objective().losses(pairs.Pairs(parts), 0.1, None).mean().backward()

    return step


def _alone(N: int, dim: int, block: int) -> float:
    """Megabytes that one step takes at its peak, in a process of its own."""
    return float(alone(_peak, N, dim, block))


def _peak(N: int, dim: int, block: int) -> float:
    step, before = simclr_loss(N, dim, block), _most_memory()
    step(0)
    return (_most_memory() - before) / 1024


def _most_memory() -> int:
    """The most memory that this process had, in kB, as Linux counts it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])
