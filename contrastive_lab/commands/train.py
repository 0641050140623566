"""Pre-train an encoder and probe it, once or over a grid of settings."""

from collections.abc import Sequence

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from contrastive_lab.imports import quickly
from contrastive_lab.launch.command_line import command_line


def task(config: DictConfig) -> float | None:
    """One run, or one job of a multirun; its `linear_top1` goes to Hydra's sweepers."""
    with quickly():  # here: --help and errors need not wait for torch
        from contrastive_lab.launch.jobs import one_run, sweep_job

    return one_run(config) if HydraConfig.get().mode == RunMode.RUN else sweep_job(config)


def main(line: Sequence[str]) -> int:
    """Run a line of `train`; returns the exit code."""
    return command_line(task, line)
