"""A container's small /dev/shm, through which workers hand over what they decoded."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, settled
from tests.test_run.test_own_images import LINE, Type, folder
from tests.test_run.test_train import result

MOUNT = "mount -t tmpfs -o size=8m tmpfs /dev/shm"
IMAGES, SIZE = 170, 96  # of each of 2 classes; all of them at once would take 9.4 MB


@pytest.mark.long
def test_a_run_that_fits_ends_and_one_that_does_not_is_a_line_that_helps(tmp_path: Path, line: Type) -> None:
    if subprocess.run(["unshare", "-m", "sh", "-c", MOUNT], capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small /dev/shm")
    told = [*LINE, f"dataset.root={folder(tmp_path / 'D', train=IMAGES)}", f"dataset.size={SIZE}", "epochs=1"]

    def run(*settings: str) -> subprocess.CompletedProcess[str]:
        typed = [sys.executable, str(ROOT / "train.py"), *settled(*told, *settings)]
        inside = ["unshare", "-m", "sh", "-c", f'{MOUNT} && exec "$@"', "sh", *typed]
        environ = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.run(inside, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=400)

    fits = run("hydra.run.dir=fits")
    assert fits.returncode == 0, fits.stderr
    assert result(tmp_path / "fits")["status"] == "done"
    large = run("hydra.run.dir=large", "batch_size=256")
    assert large.returncode == 1
    said, *rest = [text for text in large.stderr.splitlines() if text.startswith("error: ")]
    assert not rest and "--shm-size" in said and len(large.stderr.splitlines()) < 10, large.stderr
    advice = said.partition("python train.py ")[2].split()
    assert line(*advice).code == 0
    assert result(tmp_path / "large")["status"] == "done"
