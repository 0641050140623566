"""Pre-train an encoder and probe it: python train.py method=simo K=16 alpha=65536 (all dials: --help)."""

import sys

import hydra
from omegaconf import DictConfig

from contrastive_lab.config.command_line import CONF, command_line


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def main(config: DictConfig) -> float | None:
    """One run; its `linear_top1` goes to Hydra's sweepers."""
    from contrastive_lab.run import train  # here, so that --help and errors need not wait for torch

    return train(config)


if __name__ == "__main__":
    sys.exit(command_line(main))
