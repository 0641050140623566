"""`python scripts/detect.py` is `contrastive-lab detect` of this checkout; --help tells its settings."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package of this checkout

from contrastive_lab.commands import enter

if __name__ == "__main__":
    sys.exit(enter("detect", sys.argv))
