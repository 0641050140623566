"""One run: build, fit, evaluate, and write down what came out."""

import math
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.loggers import Logger

from contrastive_lab.compat import callbacks_of
from contrastive_lab.config.identity import beside_infonce, moved
from contrastive_lab.config.overrides import parse
from contrastive_lab.config.resolve import Resolved, resolve
from contrastive_lab.dataset import Splits, ViewsDataModule
from contrastive_lab.distributed import is_first, leave
from contrastive_lab.errors import ConfigError, RunError, SignalError, StoppedError
from contrastive_lab.evaluation.callbacks import KnnProbe, OnlineProbe
from contrastive_lab.evaluation.scores import Scores
from contrastive_lab.losses import mi_estimate
from contrastive_lab.record.checkpoint import (
    PREVIOUS,
    drop_previous,
    readable_checkpoint,
    restore_previous,
    tensors_alone,
)
from contrastive_lab.record.files import CHECKPOINT, shortest
from contrastive_lab.record.metrics_file import MetricsFile, set_aside
from contrastive_lab.record.provenance import commit, describe, goes_on, unforeseen
from contrastive_lab.record.result import Result, Status
from contrastive_lab.record.right import write_right
from contrastive_lab.record.run import has_checkpoint, stored_config
from contrastive_lab.run.begin import begin
from contrastive_lab.run.build import accelerator, build_data, build_method
from contrastive_lab.run.callbacks import Clock, FiniteGuard, LastCheckpoint, last_values
from contrastive_lab.run.compiled import Compiled
from contrastive_lab.run.console import at_chance, quiet, short_summary, starts_from, summary
from contrastive_lab.run.evaluate import final_scores, top5_of
from contrastive_lab.run.loggers import build_logger, log_backbone, log_final, pictures
from contrastive_lab.run.progress import Bar, progress_callback
from contrastive_lab.run.signals import StopSignal, heeded, left_to_first
from contrastive_lab.run.views import ViewSheet
from contrastive_lab.run.wandb_run import close_run

# What Lightning's launchers leave in the environment, and the next job of a multirun must not see.
LAUNCHER_VARIABLES = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE")


def train(config: DictConfig, folder: Path | None = None, line: Sequence[str] | None = None) -> float | None:
    """Run a checked configuration, or go on with the run in the folder `config.resume`.

    Everything about the run goes to `folder`, None for Hydra's, and `line`, None for this process's, to command.txt.
    Returns the top-1 accuracy of the evaluation in percent, None without labels. RunError if the run cannot go on, in
    one line; `result.json` then says `failed`.
    """
    checkpoint = None
    if config.get("resume"):
        folder = Path(config.resume)
        config, checkpoint = moved(stored_config(folder), _anew(config)), _resumed_from(folder)
    folder, resolved = folder or output_folder(), resolve(config)
    with _recorded(config, resolved, folder, line) as result:
        values, steps, splits = _run(config, resolved, folder, checkpoint, result)
        leave()
    if is_first():
        told = config, resolved, result, values, steps
        text = short_summary(*told) if _is_short() else summary(*told, folder)
        print("\n".join([text, *at_chance(splits, result, steps)]), flush=True)
    top1: float | None = result.scores[f"{config.evaluation.name}_top1"]
    return top1


def _resumed_from(folder: Path) -> Path | None:
    """The checkpoint that a run goes on from; None of one that was stopped before its first, which starts anew."""
    if not has_checkpoint(folder):
        if is_first():
            set_aside(folder)
        return None
    if is_first() and readable_checkpoint(folder) == folder / PREVIOUS:
        print(f"notice: {folder / CHECKPOINT} is missing or damaged; the one before it is taken", flush=True)
        restore_previous(folder)
    return folder / CHECKPOINT


def _anew(config: DictConfig) -> dict[str, Any]:
    """What the line of a resumed run gives, of which `moved` takes where the data lie now and the processes."""
    typed = parse(list(HydraConfig.get().overrides.task)) if HydraConfig.initialized() else []
    return {o.key_or_group: OmegaConf.select(config, o.key_or_group) for o in typed}


def _is_short() -> bool:
    """Whether this is a job of a sweep behind its first one, which has told what all of them share."""
    hydra: Any = HydraConfig.get() if HydraConfig.initialized() else OmegaConf.create()
    return bool((OmegaConf.select(hydra, "job.num") or 0) > 0)


def output_folder() -> Path:
    """The folder that Hydra gave to this job, relative where it lies below the working directory."""
    output = Path(HydraConfig.get().runtime.output_dir)
    return output.relative_to(Path.cwd()) if output.is_relative_to(Path.cwd()) else output


def _blank(config: DictConfig, resolved: Resolved) -> Result:
    """The result of a run that has not started."""
    own: dict[str, Any] = {key: config[key] for key in ("tau", "batch_size", "epochs", "seed")}
    own |= {"method": config.method_info.id, "dataset": config.dataset.name, "backbone": config.backbone.name}
    own |= {"arch": config.backbone.get("arch"), "labels": config.get("labels")}
    own |= {"K": resolved.K, "alpha": resolved.alpha, "config_hash": resolved.hash, "start": starts_from(config)}
    objective = {"loss.name" if key == "loss" else key: value for key, value in beside_infonce(config).items()}
    asked = config.evaluation.name
    scores = dict.fromkeys(("linear_top1", f"{asked}_top1", f"{asked}_top5", "online_top1", "knn_top1"))
    return Result(Status.RUNNING, **own, objective=objective, scores=scores, git=commit())


@contextmanager
def _recorded(
    config: DictConfig, resolved: Resolved, folder: Path, line: Sequence[str] | None = None
) -> Iterator[Result]:
    """Write result.json at start and end, then close W&B and restore the environment's variables."""
    result, started = _blank(config, resolved), time.perf_counter()
    before = {name: value for name, value in os.environ.items() if name in LAUNCHER_VARIABLES}
    if is_first():
        describe(folder, line)
        result.write(folder)
    try:
        with heeded():
            yield result
        result.status = Status.DONE
        drop_previous(folder)
        if is_first():
            result.write(folder)
            log_backbone(config, resolved, folder)
    except BaseException as error:
        stopped = isinstance(error, KeyboardInterrupt | SystemExit | StoppedError)
        result.status = Status.INTERRUPTED if stopped else Status.FAILED
        result.error = (str(error).strip() or type(error).__name__).splitlines()[-1]
        if isinstance(error, Exception) and not isinstance(error, RunError | ConfigError):
            result.error = unforeseen(error, folder)
            raise RunError(result.error) from error
        raise
    finally:
        result.seconds = round((result.seconds or 0) + time.perf_counter() - started, 1)
        if is_first():
            result.write(folder)
        close_run(folder, result)
        for name in LAUNCHER_VARIABLES:
            os.environ.pop(name, None)
        os.environ.update(before)


def _run(
    config: DictConfig, resolved: Resolved, folder: Path, checkpoint: Path | None, result: Result
) -> tuple[dict[str, float], int, Splits]:
    """Fit and evaluate; fills in `result` and returns the last diagnostics, the number of steps, and the data."""
    loggers = build_logger(config, folder, resolved, resumed=checkpoint is not None)
    data = build_data(config)
    resolved = resolved.counted(config, len(data.splits.pretrain))
    _counted(result, resolved, data)
    method = build_method(config, data, resolved.processes, start=checkpoint is None)
    if is_first():
        begin(config, resolved, data.splits, folder, _is_short())
    with quiet(), tensors_alone(checkpoint):
        trainer, clock = build_trainer(config, resolved, folder, data, method.encoder.features, loggers)
        trainer.precision_plugin.convert_module(method)  # Lightning would round a checkpoint of 64 bits first
        try:
            trainer.fit(method, data, ckpt_path=checkpoint, weights_only=True if checkpoint else None)
        finally:
            result.seconds = clock.before
    if trainer.interrupted:
        raise KeyboardInterrupt
    _check_end(trainer, folder)
    values = last_values(trainer)
    result.scores |= {name: values[name] for name in ("online_top1", "knn_top1") if name in values}
    if "loss_epoch" in values:
        result.loss, result.images_per_second = values["loss_epoch"], round(clock.images / clock.seconds, 1)
        if result.alpha not in (None, math.inf) and method.loss_is_infonce:
            result.mi_estimate = round(float(mi_estimate(result.loss, result.alpha)), 6)  # of a loss of 32 bits
    found = final_scores(config, method.to(trainer.strategy.root_device), data)
    if is_first():
        top5 = top5_of(found[config.evaluation.name], data) if found else None
        result.scores[f"{config.evaluation.name}_top5"] = None if top5 is None else shortest(top5)
        _finals(config, folder, trainer, found, result)
    return values, trainer.global_step, data.splits


def _counted(result: Result, resolved: Resolved, data: ViewsDataModule) -> None:
    """Fill in what is known of a run once its data are read."""
    result.K, result.alpha, result.data_hash = resolved.K, resolved.alpha, data.hash
    result.classes, result.skipped = [*data.splits.names] or None, data.splits.skipped or None


def _check_end(trainer: pl.Trainer, folder: Path) -> None:
    """Raise a SignalError where a signal came, else a StoppedError where something, as max_time, ended the training."""
    told = f"stopped after {trainer.global_step} of {trainer.estimated_stepping_batches:.0f} steps"
    for callback in callbacks_of(trainer):
        if isinstance(callback, StopSignal) and callback.number:
            raise SignalError(callback.number, told)
    if trainer.max_epochs and trainer.global_step < trainer.estimated_stepping_batches:
        raise StoppedError(f"{told}; {goes_on(folder)}")
    left_to_first()  # what comes next may be stopped, too


def _finals(config: DictConfig, folder: Path, trainer: pl.Trainer, found: dict[str, Scores], result: Result) -> None:
    """Take the scores of the final evaluations into the result and the loggers, and write which images were right.

    Of the test images those are kept that the last kNN of the training got right, too.
    """
    finals = {f"{name}_top1": shortest(scores.top1) for name, scores in found.items()}
    log_final(trainer.loggers, config, finals, trainer.global_step)
    result.scores |= finals
    for probe in callbacks_of(trainer):
        if isinstance(probe, KnnProbe):
            write_right(folder, "knn", probe.right)
    for name, scores in found.items():
        write_right(folder, name, scores.right)


def build_trainer(
    config: DictConfig, resolved: Resolved, folder: Path, data: ViewsDataModule, features: int, loggers: list[Logger]
) -> tuple[pl.Trainer, Clock]:
    """Lightning's Trainer with the callbacks and loggers of a run, whose features h are so wide."""
    clock = Clock(config.batch_size)
    callbacks: list[pl.Callback] = [clock, StopSignal(), FiniteGuard(folder), ViewSheet(folder)]
    if data.splits.probed:
        known = {"features": features, "classes": data.splits.classes, "batch_size": data.batch_size}
        callbacks += [OnlineProbe(**known, **config.probes.online, seed=config.seed), KnnProbe(**config.probes.knn)]
    if config.trainer.enable_checkpointing is not False:
        callbacks.append(LastCheckpoint(folder, config, resolved, data.hash))
    shown = [progress_callback()] if config.trainer.enable_progress_bar is not False else []
    callbacks += [*shown, *pictures(config, loggers), *([Compiled()] if config.strategy.get("compile") else [])]
    trainer = instantiate(
        config.trainer,
        **instantiate(config.strategy.trainer),
        accelerator=accelerator(config),
        devices=config.strategy.devices,
        max_epochs=config.epochs,
        enable_progress_bar=any(isinstance(each, Bar) for each in shown),  # else Lightning adds one of its own
        callbacks=callbacks,
        logger=[MetricsFile(folder), *loggers],
        default_root_dir=str(folder),
    )
    return trainer, clock
