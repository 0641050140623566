"""One run: build, fit, evaluate, and write down what came out."""

import logging
import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as pl
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig
from pytorch_lightning.loggers import Logger

from contrastive_lab.config.resolve import resolve
from contrastive_lab.dataset import ViewsDataModule
from contrastive_lab.distributed import is_first
from contrastive_lab.evaluation.callbacks import KnnProbe, OnlineProbe
from contrastive_lab.evaluation.protocols import knn
from contrastive_lab.losses import mi_estimate
from contrastive_lab.method.base import ContrastiveModule
from contrastive_lab.record.metrics_file import MetricsFile
from contrastive_lab.record.provenance import commit, describe, write_json
from contrastive_lab.record.run import stored_config
from contrastive_lab.run.build import accelerator, build_data, build_method, score
from contrastive_lab.run.callbacks import Clock, FiniteGuard, LastCheckpoint
from contrastive_lab.run.console import Progress, banner, summary
from contrastive_lab.run.loggers import build_logger, pictures
from contrastive_lab.run.wandb_run import close_run


def train(config: DictConfig, folder: Path | None = None) -> float | None:
    """Run a configuration, or go on with the run in the folder `config.resume`.

    Args:
        config: composed and checked.
        folder: where everything about the run goes; None takes Hydra's.

    Returns:
        `linear_top1` in percent, None without labels.

    Raises:
        RunError: if the run cannot go on, in one line; `result.json` then says `failed`.
    """
    config, folder, checkpoint = _place(config, folder)
    result = _blank(config)
    with _recorded(result, folder):
        values = _run(config, folder, checkpoint, result)
        result["status"] = "done"
    if is_first():
        print(summary(config, result, values, folder), flush=True)
    top1: float | None = result[f"{config.evaluation.name}_top1"]
    return top1


def _place(config: DictConfig, folder: Path | None) -> tuple[DictConfig, Path, Path | None]:
    """Configuration, folder and checkpoint of a new or of a resumed run."""
    if config.get("resume"):
        folder = Path(config.resume)
        return stored_config(folder), folder, folder / "checkpoints" / "last.ckpt"
    return config, folder or output_folder(), None


def output_folder() -> Path:
    """The folder that Hydra gave to this job, relative where it lies below the working directory."""
    output = Path(HydraConfig.get().runtime.output_dir)
    return output.relative_to(Path.cwd()) if output.is_relative_to(Path.cwd()) else output


def _blank(config: DictConfig) -> dict[str, Any]:
    """The result of a run that has not started: one flat object."""
    resolved = resolve(config)
    facts = {
        "status": "running",
        "method": config.method_info.id,
        "dataset": config.dataset.name,
        "backbone": config.backbone.name,
        "K": resolved.K,
        "alpha": resolved.alpha,
        **{key: config[key] for key in ("tau", "batch_size", "epochs", "seed")},
    }
    scores = dict.fromkeys(("linear_top1", f"{config.evaluation.name}_top1", f"{config.evaluation.name}_top5"))
    open_values = (*scores, "online_top1", "knn_top1", "mi_estimate", "loss", "images_per_second")
    ends = {"seconds": None, "config_hash": resolved.hash, "git": commit(), "error": None}
    return {**facts, **dict.fromkeys(open_values), **ends}


@contextmanager
def _recorded(result: dict[str, Any], folder: Path) -> Iterator[None]:
    """Keep result.json true while something runs, and leave no trace of the run in this process."""
    started, environ = time.perf_counter(), dict(os.environ)
    if is_first():
        describe(folder)
        write_json(folder / "result.json", result)
    try:
        yield
    except BaseException as error:
        result["status"] = "interrupted" if isinstance(error, KeyboardInterrupt | SystemExit) else "failed"
        result["error"] = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise
    finally:
        result["seconds"] = round(time.perf_counter() - started, 1)
        if is_first():
            write_json(folder / "result.json", result)
        close_run(folder, result)
        os.environ.clear()  # Lightning's launchers leave addresses behind that the next job of a multirun must not see
        os.environ.update(environ)


def _run(config: DictConfig, folder: Path, checkpoint: Path | None, result: dict[str, Any]) -> dict[str, float]:
    """Fit and evaluate; fills in `result` and returns the last diagnostics."""
    loggers = build_logger(config, folder, result, resumed=checkpoint is not None)
    data = build_data(config)
    resolved = resolve(config, len(data.splits.pretrain))
    result["K"], result["alpha"] = resolved.K, resolved.alpha
    method = build_method(config)
    if is_first():
        print(banner(config, resolved, len(data.splits.pretrain), folder), flush=True)
    with quiet():
        trainer, clock = build_trainer(config, folder, data, loggers)
        trainer.fit(method, data, ckpt_path=checkpoint, weights_only=True if checkpoint else None)
    if trainer.interrupted:
        raise KeyboardInterrupt
    callbacks: list[pl.Callback] = cast(Any, trainer).callbacks
    stored = [callback.metrics for callback in callbacks if isinstance(callback, LastCheckpoint)]
    now = {name: float(value) for name, value in trainer.callback_metrics.items()}
    values = {name: value for metrics in (*stored, now) for name, value in metrics.items()}
    result.update({name: values[name] for name in ("online_top1", "knn_top1") if name in values})
    if "loss_epoch" in values:
        result["loss"] = values["loss_epoch"]
        if result["alpha"] is not None and method.loss_is_infonce:
            result["mi_estimate"] = float(mi_estimate(values["loss_epoch"], result["alpha"]))
        result["images_per_second"] = round(clock.images / clock.seconds, 1)
    if is_first():
        result.update(evaluate(config, method.to(trainer.strategy.root_device), data))
    return values


def build_trainer(
    config: DictConfig, folder: Path, data: ViewsDataModule, loggers: list[Logger]
) -> tuple[pl.Trainer, Clock]:
    """Lightning's Trainer with the callbacks and loggers of a run."""
    every = config.trainer.log_every_n_steps
    clock = Clock(config.batch_size)
    callbacks: list[pl.Callback] = [clock, FiniteGuard(every)]
    if data.splits.classes:
        online, neighbours = config.probes.online, config.probes.knn
        callbacks += [OnlineProbe(**online, seed=config.seed), KnnProbe(**neighbours)]
    if config.trainer.enable_checkpointing is not False:
        callbacks.append(LastCheckpoint(folder / "checkpoints", config, config.checkpoint_every_n_steps))
    if config.trainer.enable_progress_bar is not False:
        callbacks.append(Progress(refresh_rate=10))
    callbacks += pictures(config, loggers)
    strategy = instantiate(config.strategy.trainer)
    trainer = instantiate(
        config.trainer,
        **strategy,
        accelerator=accelerator(config),
        devices=config.strategy.devices,
        max_epochs=config.epochs,
        callbacks=callbacks,
        logger=[MetricsFile(folder), *loggers],
        default_root_dir=str(folder),
    )
    return trainer, clock


def evaluate(config: DictConfig, method: ContrastiveModule, data: ViewsDataModule) -> dict[str, float]:
    """The final evaluation, and kNN where the training had no epoch to measure it in; empty without labels."""
    if not data.splits.classes:
        return {}
    name = config.evaluation.name
    scores = score(config, method.encoder, data)
    found = {f"{name}_top1": scores.top1, f"{name}_top5": scores.top5}
    if config.epochs == 0 and name != "knn":
        neighbours = config.probes.knn
        found["knn_top1"] = knn(method.encoder, data, k=neighbours.k, temperature=neighbours.temperature).top1
    return found


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Lightning's advertisements and advice off the screen; its errors still show."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"(pytorch_lightning|lightning_fabric|torch\.utils)\..*")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
