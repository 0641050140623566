"""The folder of a run while it runs: result.json at its start and end, what it goes on from, and how it was stopped."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from contrastive_lab.compat import callbacks_of
from contrastive_lab.config.overrides import parse
from contrastive_lab.distributed import is_first
from contrastive_lab.errors import ConfigError, RunError, SignalError, StoppedError
from contrastive_lab.record.checkpoint import PREVIOUS, drop_previous, readable_checkpoint, restore_previous
from contrastive_lab.record.files import CHECKPOINT
from contrastive_lab.record.metrics_file import set_aside
from contrastive_lab.record.provenance import describe, goes_on, unforeseen
from contrastive_lab.record.result import Result, Status
from contrastive_lab.record.run import has_checkpoint
from contrastive_lab.run.signals import StopSignal, heeded, left_to_first
from contrastive_lab.run.wandb_run import close_run

# What Lightning's launchers leave in the environment, and the next job of a multirun must not see.
LAUNCHER_VARIABLES = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE")


def resumed_from(folder: Path) -> Path | None:
    """The checkpoint that a run goes on from; None of one that was stopped before its first, which starts anew."""
    if not has_checkpoint(folder):
        if is_first():
            print(f"notice: {folder} has no checkpoint; the run starts anew", flush=True)
            set_aside(folder)
        return None
    if is_first() and readable_checkpoint(folder) == folder / PREVIOUS:
        print(f"notice: {folder / CHECKPOINT} is missing or damaged; the one before it is taken", flush=True)
        restore_previous(folder)
    return folder / CHECKPOINT


def given_anew(config: DictConfig) -> dict[str, Any]:
    """What the line of a resumed run gives, of which `moved` takes where the data lie now and the processes."""
    typed = parse(list(HydraConfig.get().overrides.task)) if HydraConfig.initialized() else []
    return {o.key_or_group: OmegaConf.select(config, o.key_or_group) for o in typed}


def is_short() -> bool:
    """Whether this is a job of a sweep behind its first one, which has told what all of them share."""
    hydra: Any = HydraConfig.get() if HydraConfig.initialized() else OmegaConf.create()
    return bool((OmegaConf.select(hydra, "job.num") or 0) > 0)


def output_folder() -> Path:
    """The folder that Hydra gave to this job, relative where it lies below the working directory."""
    output = Path(HydraConfig.get().runtime.output_dir)
    return output.relative_to(Path.cwd()) if output.is_relative_to(Path.cwd()) else output


@contextmanager
def recorded(
    result: Result, folder: Path, line: Sequence[str] | None = None, at_end: Callable[[], None] = lambda: None
) -> Iterator[Result]:
    """Write result.json at start and end, then close W&B and restore the environment's variables.

    `line` is what goes to command.txt, None for that of this process; `at_end` is called of a run that is done, in the
    first process.
    """
    started = time.perf_counter()
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
            at_end()
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


def check_end(trainer: pl.Trainer, folder: Path) -> None:
    """Raise a SignalError where a signal came, else a StoppedError where something, as max_time, ended the training."""
    told = f"stopped after {trainer.global_step} of {trainer.estimated_stepping_batches:.0f} steps"
    for callback in callbacks_of(trainer):
        if isinstance(callback, StopSignal) and callback.number:
            raise SignalError(callback.number, told)
    if trainer.max_epochs and trainer.global_step < trainer.estimated_stepping_batches:
        raise StoppedError(f"{told}; {goes_on(folder)}")
    left_to_first()  # what comes next may be stopped, too
