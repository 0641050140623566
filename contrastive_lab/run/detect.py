"""One run of `detect`: build, fit, measure average precision, and write down what came out."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as pl
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.loggers import Logger

from contrastive_lab import batchnorm
from contrastive_lab.config.detect_check import resolve_detect
from contrastive_lab.config.identity import moved
from contrastive_lab.config.resolve import Resolved
from contrastive_lab.detect.data import SceneDataModule
from contrastive_lab.detect.module import DetectionModule
from contrastive_lab.detect.network import Detector, Sizes, stages
from contrastive_lab.detect.precision import detector_precision
from contrastive_lab.distributed import is_first, leave
from contrastive_lab.errors import ConfigError
from contrastive_lab.randomness import generator
from contrastive_lab.record.files import shortest
from contrastive_lab.record.provenance import commit
from contrastive_lab.record.result import Result, Status
from contrastive_lab.record.run import stored_config
from contrastive_lab.run.boxes import BoxSheets, PrecisionProbe
from contrastive_lab.run.build import accelerator, build_backbone
from contrastive_lab.run.callbacks import Clock, FiniteGuard, LastCheckpoint, last_values
from contrastive_lab.run.console import fitted, starts_from, told_steps
from contrastive_lab.run.loggers import build_logger, log_final
from contrastive_lab.run.recorded import given_anew, is_short, output_folder, recorded, resumed_from
from contrastive_lab.run.scenes import build_scenes
from contrastive_lab.run.signals import StopSignal
from contrastive_lab.run.trainer import trained, trainer_of

SCORES = ("AP", "AP50", "AP75", "APs", "APm", "APl")


def detect(config: DictConfig, folder: Path | None = None, line: Sequence[str] | None = None) -> float | None:
    """Run a checked configuration of `detect`, or go on with the run in the folder `config.resume`.

    Everything goes to `folder`, None for Hydra's; returns AP in percent. RunError if the run cannot go on, in one line;
    `result.json` then says `failed`.
    """
    checkpoint = None
    if config.get("resume"):
        folder = Path(config.resume)
        config, checkpoint = moved(stored_config(folder), given_anew(config)), resumed_from(folder)
    folder, resolved = folder or output_folder(), resolve_detect(config)
    with recorded(_blank(config, resolved), folder, line) as result:
        _run(config, resolved, folder, checkpoint, result)
        leave()
    if is_first():
        print(_summary(result, folder), flush=True)
    return cast(float | None, result.scores["AP"])


def _blank(config: DictConfig, resolved: Resolved) -> Result:
    """The result of a run that has not started."""
    own: dict[str, Any] = {key: config[key] for key in ("batch_size", "epochs", "seed")}
    own |= {"dataset": config.dataset.name if config.data.name == "canvases" else config.data.name}
    own |= {"backbone": config.backbone.name, "arch": config.backbone.get("arch"), "start": starts_from(config)}
    scores = {"images": config.data.images, **dict.fromkeys(SCORES)}
    return Result(Status.RUNNING, "detect", **own, config_hash=resolved.hash, scores=scores, git=commit())


def _run(config: DictConfig, resolved: Resolved, folder: Path, checkpoint: Path | None, result: Result) -> None:
    """Fit and measure; fills in `result`."""
    loggers = build_logger(config, folder, resolved, resumed=checkpoint is not None)
    data = build_scenes(config)
    result.data_hash, result.classes = data.hash, [*data.train.names]
    result.scores["images"] = len(data.train)
    module = build_module(config, data, resolved.processes, start=checkpoint is None)
    if is_first() and (text := _banner(config, resolved, data, module, folder)):
        print(text, flush=True)
    make = partial(_trainer, config, resolved, folder, data, loggers)
    trainer, clock = trained(make, module, data, folder, checkpoint, result)
    values = last_values(trainer)
    if "loss_epoch" in values:
        result.loss, result.images_per_second = values["loss_epoch"], round(clock.images / clock.seconds, 1)
    if not config.epochs:  # no epoch has measured it
        module.to(trainer.strategy.root_device)
        values |= detector_precision(module.detector, data, config.precision.per_class)
    finals = {name: _known(value) for name, value in values.items() if name.partition("/")[0] in SCORES}
    result.scores |= finals
    if is_first():
        told = {name: value for name, value in finals.items() if value is not None}
        log_final(loggers, config, told, trainer.global_step)


def _trainer(
    config: DictConfig, resolved: Resolved, folder: Path, data: SceneDataModule, loggers: list[Logger]
) -> tuple[pl.Trainer, Clock]:
    """Lightning's Trainer with the callbacks of a detector."""
    clock, probe = Clock(config.batch_size), PrecisionProbe(config.precision.every_n_epochs, config.precision.per_class)
    callbacks: list[pl.Callback] = [clock, StopSignal(), FiniteGuard(folder, "lower base_lr"), probe]
    if config.trainer.enable_checkpointing is not False:
        callbacks.append(LastCheckpoint(folder, config, resolved, data.hash))
    sheets = BoxSheets(folder, loggers if config.logger.get("media") else [])
    return trainer_of(config, folder, callbacks, [sheets], loggers), clock


def _known(value: float) -> float | None:
    return None if value != value else shortest(value)  # NaN: there are no such objects


def build_module(config: DictConfig, data: SceneDataModule, processes: int = 1, start: bool = False) -> DetectionModule:
    """The detector on its backbone, a function of the seed; with `start` it has the weights that a run starts from.

    ConfigError, in one line, if these do not fit, or the backbone has no stages of feature maps.
    """
    torch.manual_seed(generator(config.seed, "weights").initial_seed())
    backbone = build_backbone(config, [64], start)
    torch.manual_seed(generator(config.seed, "detector").initial_seed())  # the same from any start
    sizes = Sizes(**cast(dict[str, Any], OmegaConf.to_container(config.detector)))
    try:
        detector = Detector(stages(backbone), len(data.train.names), sizes, config.dataset.mean, config.dataset.std)
    except ValueError as error:
        told = str(error)
        raise ConfigError(
            told if told.startswith("detector.") else f"backbone={config.backbone.name}: {told}"
        ) from None
    settings = {**config.batchnorm, "world_size": processes, "accelerator": accelerator(config)}
    settings.pop("name", None)
    batchnorm.convert(detector, **settings)
    return DetectionModule(detector, instantiate(config.optim, _convert_="all"))


def _banner(
    config: DictConfig, resolved: Resolved, data: SceneDataModule, module: DetectionModule, folder: Path
) -> str:
    """The lines on what is about to run; of a job behind others of a sweep nothing but notices."""
    optim, start = module.optim, starts_from(config) or "random weights"
    objects = f" of {config.dataset.name}" if config.data.name == "canvases" else ""
    lines = [
        f"contrastive_lab: Faster R-CNN with FPN on {config.data.name}{objects}",
        f"start      {config.backbone.name} from {start}",
        f"steps      {config.batch_size} of {len(data.train):,} images, {told_steps(config, len(data.train))}, "
        f"{resolved.processes} process(es)",
        f"labels     {len(data.train.names)} classes, {len(data.test):,} images to test",
        f"optimizer  {optim.kind}, learning rate {optim.rule} = {optim.lr:g}, {optim.schedule}",
        f"detector   {config.detector.channels} channels, strides {module.detector.strides}, batchnorm "
        f"{config.batchnorm.kind}",
        f"folder     {folder}",
    ]
    return fitted([*([] if is_short() else lines), *(f"notice: {notice}" for notice in data.notices)])


def _summary(result: Result, folder: Path) -> str:
    told = [f"{name} {value:.2f}" for name in SCORES if (value := result.scores.get(name)) is not None]
    told += [] if result.loss is None else [f"loss {result.loss:.4f}"]
    told += [] if result.seconds is None else [f"{result.seconds:.0f} s"]
    return fitted([f"done       {', '.join(told)} (AP in percent, final value)", f"folder     {folder}"])
