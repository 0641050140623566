"""A training that others take turns with, step by step, so that both meet the same machine."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytorch_lightning as pl

from contrastive_lab.bench.turns import now


class Beside(pl.Callback):
    """After every `steps` steps of a training each of the `others` is called once; Lightning's time is its own.

    `seconds` has a list for the training and for each other, seconds of a turn; the first turn is not counted.
    """

    def __init__(self, others: Sequence[Callable[[], object]], steps: int) -> None:
        self.others, self.steps, self.turns, self.start = others, steps, 0, 0.0
        self.seconds: list[list[float]] = [[] for _ in range(1 + len(others))]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self.start = now()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Give the others their turn once the training has had its own."""
        if (batch_idx + 1) % self.steps:
            return
        marks = [self.start, now()]
        for other in self.others:
            other()
            marks.append(now())
        if self.turns:
            for times, (begin, end) in zip(self.seconds, pairwise(marks), strict=True):
                times.append(end - begin)
        self.turns += 1
        self.start = now()
