"""Lightning's Trainer of a run."""

from pathlib import Path
from typing import cast

import pytorch_lightning as pl
from hydra.utils import instantiate
from omegaconf import DictConfig
from pytorch_lightning.loggers import Logger

from contrastive_lab.record.metrics_file import MetricsFile
from contrastive_lab.run.build import accelerator
from contrastive_lab.run.progress import Bar, progress_callback


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
        callbacks=[*callbacks, *shown, *last],
        logger=[MetricsFile(folder), *loggers],
        default_root_dir=str(folder),
    )
    return cast(pl.Trainer, trainer)
