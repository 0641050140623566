"""`python -m contrastive_lab`."""

import subprocess
import sys

from contrastive_lab import __version__
from tests.conftest import ROOT


def test_it_is_typed_with_m_and_says_so() -> None:
    line = [sys.executable, "-m", "contrastive_lab"]
    done = subprocess.run([*line, "--version"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"contrastive-lab {__version__}\n", "")
    done = subprocess.run([*line, "train", "fo=1"], cwd=ROOT, capture_output=True, text=True, check=False)
    message = "error: fo: no such key; python -m contrastive_lab train --help lists them all\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)
