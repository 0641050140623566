"""The logger that was asked for, beside metrics.csv."""

import math
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as pl
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.loggers import Logger, WandbLogger

from contrastive_lab.config.identity import beside_infonce
from contrastive_lab.config.resolve import Resolved
from contrastive_lab.config.values import flat
from contrastive_lab.distributed import is_first
from contrastive_lab.errors import ConfigError
from contrastive_lab.run.wandb_run import define_metrics, destination, open_run


def build_logger(config: DictConfig, folder: Path, resolved: Resolved, resumed: bool = False) -> list[Logger]:
    """The chosen logger, writing into the run's folder; an empty list for csv."""
    if config.logger.name == "wandb":
        return [_wandb(config, folder, resolved, resumed)] if is_first() else []
    if config.logger.name == "csv":
        return []
    options: dict[str, Any] = {k: v for k, v in config.logger.items() if k != "name"}
    if config.logger.name == "tensorboard":
        options |= {"name": "", "version": "tensorboard"}
    logger = cast(Logger, instantiate(options, save_dir=str(folder)))
    logger.log_hyperparams(flat(config))
    return [logger]


def _wandb(config: DictConfig, folder: Path, resolved: Resolved, resumed: bool) -> Logger:
    """A W&B run of its own, with all values of the configuration, and K and alpha as the run uses them."""
    values = cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))
    values.pop("experiment", None)  # the grid of all jobs
    alpha = "inf" if resolved.alpha == math.inf else resolved.alpha
    values |= {"K": resolved.K, "alpha": alpha, "config_hash": resolved.hash}
    tags = [
        config.method_info.id,
        config.dataset.name,
        config.scale.name,
        *beside_infonce(config).get("loss", "").split(),
    ]
    names = {"name": resolved.name, "group": config.get("sweep"), "job_type": "pretrain", "tags": tags}
    try:
        run = open_run(folder, resumed, **(names | destination(config)), config=values)
    except (TypeError, ValueError) as error:  # a +logger.key that W&B does not know
        raise ConfigError(f"logger=wandb: {' '.join(str(error).split())}") from error
    define_metrics(run)
    return WandbLogger(experiment=run, save_dir=str(folder))


def pictures(config: DictConfig, loggers: list[Logger]) -> list[pl.Callback]:
    """The callbacks that log pictures: none but for W&B with `logger.media`."""
    wandb = [logger for logger in loggers if isinstance(logger, WandbLogger)]
    if not (wandb and config.logger.get("media")):
        return []
    from contrastive_lab.run.media import Pictures  # here: it needs matplotlib

    return [Pictures(logger) for logger in wandb]
