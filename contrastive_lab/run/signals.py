"""Signals that stop a run: it ends after the step it is at, with a checkpoint, in all of its processes."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import pytorch_lightning as pl
import torch

from contrastive_lab import distributed
from contrastive_lab.errors import SignalError

STOPPING = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT)
EVERY = 10  # steps between two agreements of several processes


class StopSignal(pl.Callback):
    """Stops the training where a process got a signal, whose `number` is 0 until then.

    One process stops after its step; several agree every `EVERY` steps, so that all of them stop after the same one. A
    second Ctrl-C does what it did before; other signals may come again, as some queues send them.
    """

    def __init__(self) -> None:
        self.number = 0
        self.before: dict[int, Any] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the signals, after Lightning took SIGTERM in a way in which two processes wait for each other."""
        self.before = {number: signal.signal(number, self._take) for number in STOPPING}

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.number = number
        if number == signal.SIGINT:
            signal.signal(number, signal.default_int_handler)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Agree on a stop."""
        if distributed.world_size() == 1 or trainer.global_step % EVERY == 0:
            self._agree(pl_module)
            trainer.should_stop |= self.number > 0

    def _agree(self, pl_module: pl.LightningModule) -> None:
        if distributed.world_size() > 1:
            self.number = -int(distributed.minimum(torch.tensor(-self.number, device=pl_module.device)))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Agree for the last time, and give the signals back."""
        self._agree(pl_module)
        for number, handler in self.before.items():
            signal.signal(number, handler)


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
