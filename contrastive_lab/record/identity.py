"""What makes two runs the same run: see `contrastive_lab.config.identity`."""

from contrastive_lab.config.identity import OMITTED, config_hash, differences, identity, within
from contrastive_lab.config.resolve import run_name

__all__ = ["OMITTED", "config_hash", "differences", "identity", "run_name", "within"]
