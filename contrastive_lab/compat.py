"""What the project takes from other packages beyond their documented interface: one small function for each."""

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:  # Lightning takes seconds to import, and the command line reads this file before it needs Lightning
    import pytorch_lightning as pl

# Lightning: attributes that its types leave out, and its count of batches.


def attached_data(trainer: "pl.Trainer") -> Any:
    """`trainer.datamodule`: the data module given to `fit`, or None."""
    return cast(Any, trainer).datamodule


def callbacks_of(trainer: "pl.Trainer") -> "list[pl.Callback]":
    """`trainer.callbacks`: the callbacks in the order in which they are called."""
    return cast("list[pl.Callback]", cast(Any, trainer).callbacks)


def logging_interval(trainer: "pl.Trainer") -> int:
    """`trainer.log_every_n_steps`: steps between two values that the loggers get; 0 for none."""
    return int(cast(Any, trainer).log_every_n_steps)


def batches_started(trainer: "pl.Trainer") -> int:
    """`batch_progress.current.ready` of the epoch's loop: batches begun in this epoch, kept in the checkpoint."""
    return int(trainer.fit_loop.epoch_loop.batch_progress.current.ready)
