"""Signals that stop a run: it ends after the step it is at, with a checkpoint, in all of its processes."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import pytorch_lightning as pl
import torch

from contrastive_lab import distributed
from contrastive_lab.errors import SignalError

STOPPING = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT)
EVERY, SECONDS = 10, 2.0  # steps between two agreements of several processes, and seconds if the steps are slow


class StopSignal(pl.Callback):
    """Stops the training where a process got a signal, whose `number` is 0 until all of them know.

    One process stops after its step; several agree every `EVERY` steps, or every `SECONDS` of the slowest process where
    steps take long, so that all of them stop after the same one. A second Ctrl-C does what it did before; other signals
    may come again, as some queues send them.
    """

    def __init__(self) -> None:
        self.number, self.taken = 0, 0  # agreed on; come to this process, at any moment
        self.before: dict[int, Any] = {}
        self.agreed, self.time, self.due = 0, time.monotonic(), 0  # the last agreement's step and time, the next's step

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the signals."""
        self.before = {number: signal.signal(number, self._take) for number in STOPPING}
        self.due, self.time, self.agreed = 0, time.monotonic(), trainer.global_step

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.taken = number
        if number == signal.SIGINT:
            signal.signal(number, signal.default_int_handler)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Agree on a stop."""
        step = trainer.global_step
        if distributed.world_size() == 1 or step >= self.due:
            self._agree(pl_module, step)
            trainer.should_stop |= self.number > 0

    def _agree(self, pl_module: pl.LightningModule, step: int) -> None:
        """Give all processes the number that one has, and the step of the next agreement."""
        if distributed.world_size() == 1:
            self.number = self.taken
        else:
            now = time.monotonic()
            mine = torch.tensor([self.taken, (now - self.time) / max(step - self.agreed, 1)], dtype=torch.float64)
            number, seconds = (-distributed.minimum(-mine.to(pl_module.device))).tolist()
            self.number, self.agreed, self.time = int(number), step, now
            self.due = step + max(1, min(EVERY, int(SECONDS / max(seconds, 1e-9))))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Agree for the last time, and give the signals back; a later one ends the first process."""
        self._agree(pl_module, trainer.global_step)
        for number, handler in self.before.items():
            signal.signal(number, handler)
        if not self.number:
            left_to_first()
            if self.taken:
                os.kill(os.getpid(), self.taken)


@contextmanager
def heeded() -> Iterator[None]:
    """End this process with a SignalError at a stopping signal, so that result.json is still written.

    A handler that was there before, as submitit's, which sends a job to the queue again, is called then.
    """
    before = {number: signal.signal(number, _end) for number in STOPPING}
    try:
        yield
    except SignalError as error:
        if callable(handler := before.get(error.number)) and handler != signal.default_int_handler:
            with suppress(SystemExit):  # the handler's own end
                handler(error.number, None)
        raise
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) != signal.SIG_IGN:  # of `left_to_first`
                signal.signal(number, handler)


def left_to_first() -> None:
    """Let the processes other than the first ignore stopping signals from here to their end.

    After the training the first one alone ends the run: Lightning kills it, before it has written result.json, once
    another one has ended with an exit code.
    """
    if not distributed.is_first():
        for number in STOPPING:
            signal.signal(number, signal.SIG_IGN)


def _end(number: int, frame: FrameType | None) -> None:
    raise SignalError(number, "stopped")
