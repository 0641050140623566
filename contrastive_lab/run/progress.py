"""How far a run is, with the time left of all of it: a bar on a terminal, a line an epoch elsewhere."""

import sys
import time
from typing import Any, cast

import pytorch_lightning as pl
from pytorch_lightning.callbacks import TQDMProgressBar
from torch import Tensor

from contrastive_lab.distributed import is_first
from contrastive_lab.record.progress import duration


def progress_callback() -> pl.Callback:
    """What tells how far a run is, on the output that this process has now."""
    return Bar(refresh_rate=10) if sys.stdout.isatty() else Lines()


class Pace:
    """The speed of this process, probes in between included; a run that goes on brings none with it."""

    def __init__(self) -> None:
        self.began, self.first = time.monotonic(), 0

    def start(self, trainer: pl.Trainer) -> None:
        """Count from the present step on."""
        self.began, self.first = time.monotonic(), trainer.global_step

    def left(self, trainer: pl.Trainer) -> str | None:
        """The time that all epochs to come will take, e.g. "12 min"; None before the first step."""
        done, steps = trainer.global_step - self.first, float(trainer.estimated_stepping_batches)
        if done < 1:
            return None
        return duration((time.monotonic() - self.began) / done * (steps - trainer.global_step))


class GoesOn(pl.Callback):
    """A line on the step that a run goes on from, before its first one; nothing of a run that starts."""

    def __init__(self) -> None:
        self.step: int | None = None

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Keep the step: the trainer has it later."""
        self.step = checkpoint["global_step"]

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print the line, also where no step is left and the final evaluation alone is to be made."""
        if self.step is not None and is_first():
            print(f"goes on from step {self.step} of {trainer.estimated_stepping_batches:.0f}", flush=True)


class Bar(TQDMProgressBar):
    """Lightning's bar of an epoch without its version number, refreshed often enough to watch and at no cost."""

    def __init__(self, refresh_rate: int = 10) -> None:
        super().__init__(refresh_rate=refresh_rate)
        self.pace = Pace()

    def on_train_start(self, *args: Any) -> None:
        """Start the clock."""
        self.pace.start(args[0])
        super().on_train_start(*args)

    def get_metrics(self, *args: Any, **kwargs: Any) -> dict[str, int | str | float | dict[str, float]]:
        """Return loss, accuracies and the time left of the run."""
        found = {name: value for name, value in super().get_metrics(*args, **kwargs).items() if name != "v_num"}
        left = self.pace.left(args[0])
        return found | ({"left": left} if left else {})


class Lines(pl.Callback):
    """A line at the end of each epoch: its mean loss and the time left of the run."""

    def __init__(self) -> None:
        self.pace = Pace()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self.pace.start(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print the line; the method has yet to log the loss and to set its sum to zero."""
        if is_first():
            total, count = cast(Tensor, pl_module.epoch_loss).tolist()
            left, at = self.pace.left(trainer), f"epoch {trainer.current_epoch + 1} of {trainer.max_epochs}"
            told = [f"loss {total / count:.4f}"] if count else []
            told += [f"about {left} left"] if left and trainer.global_step < trainer.estimated_stepping_batches else []
            print("  ".join([at, *told]), flush=True)
