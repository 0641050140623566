"""Pre-train an encoder and probe it: python train.py method=simo K=16 alpha=65536 (all settings: --help)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[0]))  # the package of this checkout

from contrastive_lab.commands import enter

if __name__ == "__main__":
    sys.exit(enter("train", sys.argv))
