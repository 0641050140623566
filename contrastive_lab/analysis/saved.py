"""What fewer negatives save: keys of a queue, cosines of the loss, and the time that these take."""

import statistics
import timeit
from pathlib import Path

import torch
from torch.nn.functional import normalize

from contrastive_lab.losses import info_nce
from contrastive_lab.record.run import stored_config


def saving(folder: Path, few: int, most: int) -> str:
    """What a run's setting saves with few negatives in place of the most, by where they come from; one sentence."""
    config = stored_config(folder)
    N, D = config.batch_size, config.head.dim
    few_ms, most_ms = (1000 * loss_seconds(N, K, D, float(config.tau)) for K in (few, most))
    cosines = f"the loss holds {N} x {few:,} cosines in place of {N} x {most:,}"
    cosines += f", which takes {few_ms:.1f} ms a step in place of {most_ms:.1f} with their gradient"
    if config.method_info.pool == "queue":
        return f"Saves: the queue holds {few:,} keys of {D} numbers in place of {most:,}; {cosines}."
    if config.method_info.pool == "bank":
        return f"Saves: {cosines}; the bank keeps a code for every image whatever K is."
    return f"Saves little: {cosines}, but all {N} keys of a batch are encoded anyway."


def loss_seconds(N: int, K: int, D: int, tau: float) -> float:
    """Median seconds of InfoNCE of N queries with the same K keys, and its gradient, on random codes (N, D) and (K, D).

    On this machine's GPU if it has one; it takes a second or two.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    queries, keys = (normalize(torch.randn(rows, D, device=device), dim=1) for rows in (N, K))
    queries.requires_grad_()

    def step() -> None:
        loss = info_nce((queries * queries.detach()).sum(1), queries @ keys.T, tau)
        torch.autograd.grad(loss, queries)
        if device == "cuda":
            torch.cuda.synchronize()

    timer = timeit.Timer(step)
    number, _ = timer.autorange()
    return statistics.median(timer.repeat(number=number)) / number
