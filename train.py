"""Pre-train an encoder and probe it: python train.py method=simo K=16 alpha=65536 (all settings: --help)."""

import sys

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from contrastive_lab.launch.command_line import command_line


def main(config: DictConfig) -> float | None:
    """One run, or one job of a multirun; its `linear_top1` goes to Hydra's sweepers."""
    from contrastive_lab.launch.jobs import one_run, sweep_job  # here: --help and errors need not wait for torch

    return one_run(config) if HydraConfig.get().mode == RunMode.RUN else sweep_job(config)


if __name__ == "__main__":
    sys.exit(command_line(main, sys.argv))
