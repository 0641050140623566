"""The logger that was asked for, beside metrics.csv."""

import math
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import pytorch_lightning as pl
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger

from contrastive_lab.config.detect import is_detect
from contrastive_lab.config.identity import beside_infonce
from contrastive_lab.config.resolve import Resolved
from contrastive_lab.config.values import flat
from contrastive_lab.distributed import is_first
from contrastive_lab.errors import ConfigError
from contrastive_lab.run.wandb_run import define_metrics, destination, log_artifact, open_run

PROBES = ("knn_top1", "online_top1", "online_loss", "AP", "AP50", "AP75", "APs", "APm", "APl")
NEGATIVES = ("agreement", "competition", "contrastive_top1", "dispersion", "factor", "negative_cosine", "own_class",
             "own_image")  # fmt: skip


def grouped(name: str) -> str:
    """A metric's name as W&B and TensorBoard group it, e.g. "train/loss"; one with a group already stays as it is."""
    if "/" in name or name == "epoch":
        return name
    return f"{'probe' if name in PROBES else 'negatives' if name in NEGATIVES else 'train'}/{name}"


def _grouped(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers under their grouped names; pictures keep theirs."""
    return {grouped(name) if isinstance(value, int | float) else name: value for name, value in metrics.items()}


class GroupedWandb(WandbLogger):
    """Lightning's logger for W&B with grouped names."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log values of a step."""
        super().log_metrics(_grouped(metrics), step)


class GroupedTensorBoard(TensorBoardLogger):
    """Lightning's logger for TensorBoard with grouped names."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log values of a step."""
        super().log_metrics(_grouped(metrics), step)


def log_final(loggers: list[Logger], config: DictConfig, scores: dict[str, float], step: int) -> None:
    """Log the scores of the final evaluation, e.g. "linear_top1", as a point; TensorBoard's hparams are told them."""
    final = {f"eval/{name}": value for name, value in scores.items()}
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.log_hyperparams(flat(config), final, step)
        elif final and isinstance(logger, WandbLogger):
            logger.log_metrics(final, step)


def log_backbone(config: DictConfig, resolved: Resolved, folder: Path) -> None:
    """Keep the exported backbone of a run that is done as an artifact of W&B, where logger.artifacts asks for it."""
    if not config.logger.get("artifacts"):
        return
    from contrastive_lab.run.export import export_run  # here: few runs need it

    try:
        with TemporaryDirectory() as out:
            export_run(folder, config, Path(out))
            log_artifact("model", f"{resolved.name}-{resolved.hash}", Path(out))
    except ConfigError as error:  # as of texts, whose backbone is no model of torchvision or timm
        print(f"notice: logger.artifacts: {error}", flush=True)


def build_logger(config: DictConfig, folder: Path, resolved: Resolved, resumed: bool = False) -> list[Logger]:
    """The chosen logger, writing into the run's folder; an empty list for csv."""
    if config.logger.name == "wandb":
        return [_wandb(config, folder, resolved, resumed)] if is_first() else []
    if config.logger.name == "csv":
        return []
    options: dict[str, Any] = {k: v for k, v in config.logger.items() if k != "name"}
    if config.logger.name == "tensorboard":
        options.pop("_target_")
        return [GroupedTensorBoard(str(folder), name="", version="tensorboard", default_hp_metric=False, **options)]
    logger = cast(Logger, instantiate(options, save_dir=str(folder)))
    logger.log_hyperparams(flat(config))
    return [logger]


def _wandb(config: DictConfig, folder: Path, resolved: Resolved, resumed: bool) -> Logger:
    """A W&B run of its own, with all values of the configuration, and K and alpha as the run uses them."""
    values = cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))
    values.pop("experiment", None)  # the grid of all jobs
    alpha = "inf" if resolved.alpha == math.inf else resolved.alpha
    values |= {"K": resolved.K, "alpha": alpha, "config_hash": resolved.hash}
    kind = "detect" if is_detect(config) else "pretrain"
    first, *others = ["detect", config.data.name] if is_detect(config) else _method_tags(config)
    tags = [first, config.dataset.name, config.scale.name, *others]
    names = {"name": resolved.name, "group": config.get("sweep"), "job_type": kind, "tags": tags}
    try:
        run = open_run(folder, resumed, **(names | destination(config)), config=values)
    except (TypeError, ValueError) as error:  # a +logger.key that W&B does not know
        raise ConfigError(f"logger=wandb: {' '.join(str(error).split())}") from error
    define_metrics(run)
    return GroupedWandb(experiment=run, save_dir=str(folder))


def _method_tags(config: DictConfig) -> list[str]:
    return [config.method_info.id, *beside_infonce(config).get("loss", "").split()]


def pictures(config: DictConfig, loggers: list[Logger]) -> list[pl.Callback]:
    """The callbacks that log pictures: none but for W&B with `logger.media`."""
    wandb = [logger for logger in loggers if isinstance(logger, WandbLogger)]
    if not (wandb and config.logger.get("media")):
        return []
    from contrastive_lab.run.media import Pictures  # here: it needs matplotlib

    return [Pictures(logger) for logger in wandb]
