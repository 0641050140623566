"""A run that is killed or repeated: the same bits, and nothing lost."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.conftest import ROOT, TINY, only_run
from tests.test_run.test_train import Trained, Typed, metrics, result, weights


def test_two_runs_of_a_seed_are_bit_identical_and_another_seed_is_not(tmp_path: Path, trained: Trained) -> None:
    folders = []
    for i, seed in enumerate((0, 0, 1)):
        cwd = tmp_path / str(i)
        trained(*TINY, "method=simclr", f"seed={seed}", cwd=cwd)
        folders.append(only_run(cwd))
    first, second, other = (weights(folder) for folder in folders)
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert not torch.equal(first["encoder.head.0.weight"], other["encoder.head.0.weight"])
    assert result(folders[0])["linear_top1"] == result(folders[1])["linear_top1"]
    assert result(folders[0])["config_hash"] == result(folders[1])["config_hash"] != result(folders[2])["config_hash"]


def kill_after(step: int, *arguments: str, cwd: Path) -> Path:
    """Start a run, kill it once it has logged `step`, and return its folder."""
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    line = [sys.executable, str(ROOT / "train.py"), *arguments]
    process = subprocess.Popen(line, cwd=cwd, env=environ, stdout=subprocess.DEVNULL)
    found: list[Path] = []
    try:
        while not (found and f"\n{step}," in found[0].read_text()):
            assert process.poll() is None, "the run ended before it could be killed"
            time.sleep(0.02)
            found = list((cwd / "outputs").rglob("metrics.csv"))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    return found[0].parent


# A checkpoint in mid-epoch (every 3 steps), and one at the end of an epoch alone.
@pytest.mark.parametrize(
    ("method", "every"),
    [
        ("moco_v2", "3"),
        ("simo", "null"),
        pytest.param("npid", "3", marks=pytest.mark.long),
        pytest.param("swav", "3", marks=pytest.mark.long),
    ],
)
def test_a_killed_run_resumes_to_the_same_bits(method: str, every: str, tmp_path: Path, trained: Trained) -> None:
    own = ("K=null", "method.queue=256", "method.queue_from_epoch=0") if method == "swav" else ("K=60",)
    arguments = (
        *TINY, f"method={method}", *own, "trainer.limit_train_batches=40", "epochs=2",
        "probes.knn.every_n_epochs=1", f"checkpoint_every_n_steps={every}",
    )  # fmt: skip
    (tmp_path / "killed").mkdir()
    trained(*arguments, cwd=tmp_path / "whole")
    whole = only_run(tmp_path / "whole")
    killed = kill_after(50, *arguments, cwd=tmp_path / "killed")
    step = torch.load(killed / "checkpoints" / "last.ckpt", weights_only=True)["global_step"]
    assert 40 <= step < 80
    before = sorted(killed.rglob("*"))
    assert result(killed)["status"] == "running"

    trained(f"resume={killed.relative_to(tmp_path / 'killed')}", cwd=tmp_path / "killed")
    assert only_run(tmp_path / "killed") == killed
    assert set(before) <= set(killed.rglob("*"))
    first, second = weights(whole), weights(killed)
    assert first.keys() == second.keys()
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert metrics(whole) == metrics(killed)
    same = ("status", "linear_top1", "knn_top1", "online_top1", "loss", "mi_estimate", "config_hash")
    assert {k: result(whole)[k] for k in same} == {k: result(killed)[k] for k in same}
    assert len((killed / "command.txt").read_text().splitlines()) == 2


def test_a_checkpoint_of_another_configuration_is_an_error(tmp_path: Path, trained: Trained, line: Typed) -> None:
    trained(*TINY, "K=4")
    folder = only_run(tmp_path)
    (folder / "result.json").write_text('{"status": "running"}')
    config = folder / ".hydra" / "config.yaml"
    config.write_text(config.read_text().replace("K: 4\n", "K: 8\n"))
    done = line(f"resume={folder.relative_to(tmp_path)}")
    assert done.code == 1
    assert "error: the checkpoint is of another configuration: K: 8, not 4" in done.err


def test_a_run_killed_in_its_last_evaluation_loses_nothing(
    tmp_path: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(*TINY)
    folder = only_run(tmp_path)
    whole = result(folder)
    (folder / "result.json").write_text(json.dumps({**whole, "status": "running", "loss": None}))
    trained(f"resume={folder.relative_to(tmp_path)}")
    assert {k: v for k, v in result(folder).items() if k != "seconds"} == {
        k: v for k, v in whole.items() if k != "seconds"
    }
