"""One run: build, fit, evaluate, and write down what came out."""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig
from pytorch_lightning.loggers import Logger

from contrastive_lab.compat import callbacks_of
from contrastive_lab.config.identity import beside_infonce, moved
from contrastive_lab.config.resolve import Resolved, resolve
from contrastive_lab.dataset import Splits, ViewsDataModule
from contrastive_lab.distributed import is_first, leave
from contrastive_lab.evaluation.callbacks import KnnProbe, OnlineProbe
from contrastive_lab.evaluation.scores import Scores
from contrastive_lab.losses import mi_estimate
from contrastive_lab.record.files import shortest
from contrastive_lab.record.provenance import commit
from contrastive_lab.record.result import Result, Status
from contrastive_lab.record.right import write_right
from contrastive_lab.record.run import stored_config
from contrastive_lab.run.begin import begin
from contrastive_lab.run.build import build_data, build_method
from contrastive_lab.run.callbacks import Clock, FiniteGuard, LastCheckpoint, last_values
from contrastive_lab.run.compiled import Compiled
from contrastive_lab.run.console import at_chance, short_summary, starts_from, summary
from contrastive_lab.run.evaluate import final_scores, top5_of
from contrastive_lab.run.loggers import build_logger, log_backbone, log_final, pictures
from contrastive_lab.run.recorded import given_anew, is_short, output_folder, recorded, resumed_from
from contrastive_lab.run.signals import StopSignal
from contrastive_lab.run.trainer import trained, trainer_of
from contrastive_lab.run.views import ViewSheet


def train(config: DictConfig, folder: Path | None = None, line: Sequence[str] | None = None) -> float | None:
    """Run a checked configuration, or go on with the run in the folder `config.resume`.

    Everything about the run goes to `folder`, None for Hydra's, and `line`, None for this process's, to command.txt.
    Returns the top-1 accuracy of the evaluation in percent, None without labels. RunError if the run cannot go on, in
    one line; `result.json` then says `failed`.
    """
    checkpoint = None
    if config.get("resume"):
        folder = Path(config.resume)
        config, checkpoint = moved(stored_config(folder), given_anew(config)), resumed_from(folder)
    folder, resolved = folder or output_folder(), resolve(config)
    with _recorded(config, resolved, folder, line) as result:
        values, steps, splits = _run(config, resolved, folder, checkpoint, result)
        leave()
    if is_first():
        told = config, resolved, result, values, steps
        text = short_summary(*told) if is_short() else summary(*told, folder)
        print("\n".join([text, *at_chance(splits, result, steps)]), flush=True)
    top1: float | None = result.scores[f"{config.evaluation.name}_top1"]
    return top1


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


def _recorded(
    config: DictConfig, resolved: Resolved, folder: Path, line: Sequence[str] | None = None
) -> AbstractContextManager[Result]:
    return recorded(_blank(config, resolved), folder, line, lambda: log_backbone(config, resolved, folder))


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
        begin(config, resolved, data.splits, folder, is_short())
    make = partial(build_trainer, config, resolved, folder, data, method.encoder.features, loggers)
    trainer, clock = trained(make, method, data, folder, checkpoint, result)
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
    callbacks += [Compiled(clock)] if config.strategy.get("compile") else []
    return trainer_of(config, folder, callbacks, pictures(config, loggers), loggers), clock
