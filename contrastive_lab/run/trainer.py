"""Lightning's Trainer of a run."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytorch_lightning as pl
from hydra.utils import instantiate
from omegaconf import DictConfig
from pytorch_lightning.loggers import Logger

from contrastive_lab.compat import without_signals
from contrastive_lab.record.checkpoint import tensors_alone
from contrastive_lab.record.metrics_file import MetricsFile
from contrastive_lab.record.result import Result
from contrastive_lab.run.build import accelerator
from contrastive_lab.run.callbacks import Clock
from contrastive_lab.run.console import quiet
from contrastive_lab.run.progress import Bar, GoesOn, progress_callback
from contrastive_lab.run.recorded import check_end


def trainer_of(
    config: DictConfig, folder: Path, callbacks: list[pl.Callback], last: list[pl.Callback], loggers: list[Logger]
) -> pl.Trainer:
    """The trainer that a configuration asks for, with metrics.csv in the folder; progress is told before the `last`."""
    shown = [progress_callback()] if config.trainer.enable_progress_bar is not False else []
    trainer = instantiate(
        config.trainer,
        **instantiate(config.strategy.trainer),
        accelerator=accelerator(config),
        devices=config.strategy.devices,
        max_epochs=config.epochs,
        enable_progress_bar=any(isinstance(each, Bar) for each in shown),  # else Lightning adds one of its own
        callbacks=[*callbacks, GoesOn(), *shown, *last],
        logger=[MetricsFile(folder), *loggers],
        default_root_dir=str(folder),
    )
    without_signals(trainer)
    return cast(pl.Trainer, trainer)


def trained(
    make: Callable[[], tuple[pl.Trainer, Clock]],
    module: pl.LightningModule,
    data: pl.LightningDataModule,
    folder: Path,
    checkpoint: Path | None,
    result: Result,
) -> tuple[pl.Trainer, Clock]:
    """Train a module by the trainer that `make` gives, from a checkpoint or from its start; returns trainer and clock.

    The seconds before the checkpoint go into `result`. What stopped the training before its end is raised.
    """
    with quiet(), tensors_alone(checkpoint):
        trainer, clock = make()
        trainer.precision_plugin.convert_module(module)  # Lightning would round a checkpoint of 64 bits first
        try:
            trainer.fit(module, data, ckpt_path=checkpoint, weights_only=True if checkpoint else None)
        finally:
            result.seconds = clock.before
    if trainer.interrupted:
        raise KeyboardInterrupt
    check_end(trainer, folder)
    return trainer, clock
