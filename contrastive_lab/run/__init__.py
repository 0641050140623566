"""One run, from a configuration to a folder that describes it."""

from contrastive_lab.run.train import train

__all__ = ["train"]
