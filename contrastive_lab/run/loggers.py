"""The logger that was asked for, beside metrics.csv."""

import netrc
import os
import sys
from pathlib import Path
from typing import Any, cast

from hydra.utils import instantiate
from omegaconf import DictConfig
from pytorch_lightning.loggers import Logger

from contrastive_lab.config.identity import flat


def build_logger(config: DictConfig, folder: Path) -> list[Logger]:
    """The chosen logger, writing into the run's folder; an empty list for csv."""
    options: dict[str, Any] = {k: v for k, v in config.logger.items() if k != "name"}
    if config.logger.name == "csv":
        return []
    if config.logger.name == "tensorboard":
        options |= {"name": "", "version": "tensorboard"}
    if config.logger.name == "wandb":
        options |= _wandb(config, folder)
    logger = cast(Logger, instantiate(options, save_dir=str(folder)))
    logger.log_hyperparams(flat(config))
    return [logger]


def _wandb(config: DictConfig, folder: Path) -> dict[str, Any]:
    """Name and place of a W&B run; offline where there is no key, with a notice."""
    offline = os.environ.get("WANDB_MODE") == "offline"
    if not offline and not _has_wandb_key():
        print("notice: logger=wandb finds no key (WANDB_API_KEY or wandb login); the run is written offline")
        offline = True
    name = f"{config.about.id}-K{config.K}-a{config.alpha}-s{config.seed}"
    return {"name": name, "offline": offline}


def _has_wandb_key() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        hosts = netrc.netrc(os.environ.get("NETRC")).hosts
    except (OSError, netrc.NetrcParseError):
        return False
    return any("wandb" in host for host in hosts)


def close_wandb(failed: bool) -> None:
    """End the W&B run of this process, if there is one, marked as failed or not."""
    wandb = sys.modules.get("wandb")  # importing it takes a second
    if wandb is not None and wandb.run is not None:
        wandb.finish(exit_code=1 if failed else 0)
