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
METHODS = {"SimCLR": True, "SiMo": False}  # whether both views are queries, and the keys' gradient is wanted


def run(sizes: Sequence[int], dim: int, rounds: int) -> Outcome:
    """Memory and time of a loss of N images with all negatives and its gradient: SimCLR's and SiMo's.

    SimCLR has 2N queries with 2N - 2 negatives, whose gradient is wanted, too; SiMo has N with N - 1, whose is not.
    """
    outcome = Outcome(
        rows=[], told=["MB in blocks", "ratio"], notes=[f"a loss and its gradient, D = {dim}; MB of 2^20"]
    )
    for name, symmetric in METHODS.items():
        rows = [_measured(N, dim, symmetric, rounds, f"{name}, N = {N:,}") for N in sizes]
        outcome.rows += rows
        if len(sizes) > 1:
            powers = (power(sizes, [row.values[value] for row in rows]) for value in ("MB in blocks", "s in blocks"))
            grown = " and time to the power of ".join(f"{each:.2f}" for each in powers)
            outcome.notes.append(f"{name}: memory in blocks grows like N to the power of {grown}")
    return outcome


def _measured(N: int, dim: int, symmetric: bool, rounds: int, case: str) -> Row:
    kinds = {"in blocks": BLOCK} | ({"at once": WHOLE} if N <= MOST else {})
    found: dict[str, float | None] = {f"MB {kind}": peak(N, dim, block, symmetric) for kind, block in kinds.items()}
    turns = alternate({loss_step(N, dim, block, symmetric): 1 for block in kinds.values()}, rounds)
    found |= {f"s {kind}": statistics.median(times) for kind, times in zip(kinds, turns, strict=True)}
    return Row(case=case, values=found | (ratio(*turns) if len(turns) > 1 else {}))


def loss_step(N: int, dim: int, block: int, symmetric: bool = True, device: str = "cpu") -> Callable[[int], None]:
    """SimCLR's loss of N images and its gradient at both views, or else SiMo's, in blocks of so many cosines."""
    source = torch.Generator().manual_seed(0)
    views = [F.normalize(torch.randn(N, dim, generator=source), dim=1).to(device).requires_grad_() for _ in range(2)]
    ids, ways = torch.arange(N, device=device), 2 if symmetric else 1

    def step(number: int) -> None:
        random, parts = StepRandom(0, 0, number, N, 0, N), []
        keys = torch.cat(views) if symmetric else views[1].detach()
        for this, z in enumerate(views[:ways]):
            chosen = from_batch(random, None, ways, purpose=f"negatives/{this}", device=device)
            pos = pairs.row_cosines(z, views[1 - this] if symmetric else keys)
            parts.append(pairs.Part(z, pos, ids, keys, ids.repeat(ways), chosen, z))
        with patch.object(pairs, "BLOCK", block):
            Objective().losses(pairs.Pairs(parts), 0.1, None).mean().backward()

    return step


def peak(N: int, dim: int, block: int, symmetric: bool) -> float:
    """Megabytes that one step takes at its peak, in a process of its own."""
    return float(alone(_peak, N, dim, block, symmetric))


def _peak(N: int, dim: int, block: int, symmetric: bool) -> float:
    step, before = loss_step(N, dim, block, symmetric), _most_memory()
    step(0)
    return (_most_memory() - before) / 1024


def _most_memory() -> int:
    """The most memory that this process had, in kB, as Linux counts it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])
