"""A run that is killed or repeated: the same bits, and nothing lost."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

from contrastive_lab.record.files import CHECKPOINT
from contrastive_lab.run.callbacks import LastCheckpoint
from tests.conftest import ROOT, TINY, only_run, settled
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


@pytest.mark.parametrize(
    "damage", [pytest.param(part, marks=pytest.mark.long) for part in ("cut", "both cut", "both gone")]
)
def test_a_damaged_checkpoint_makes_way_for_the_one_before_and_without_any_a_run_starts_anew(
    damage: str, tmp_path: Path, trained: Trained, line: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = (*TINY, "method=simclr", "epochs=2", "checkpoint_every_n_steps=2")
    trained(*told, cwd=tmp_path / "whole")
    whole = only_run(tmp_path / "whole")
    assert [path.name for path in (whole / "checkpoints").iterdir()] == ["last.ckpt"]  # it is done

    def interrupted(self: LastCheckpoint, *_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(LastCheckpoint, "on_train_end", interrupted)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            trained(*told, cwd=tmp_path / "cut")
    cut = only_run(tmp_path / "cut")
    last, previous = (cut / "checkpoints" / name for name in ("last.ckpt", "previous.ckpt"))
    if "cut" in damage:
        for path in (last, previous)[: 1 + (damage == "both cut")]:
            os.truncate(path, path.stat().st_size // 2)
        if damage == "both cut":  # what they hold is not thrown away without a word
            where, rows = f"hydra.run.dir={cut.relative_to(tmp_path / 'cut')}", metrics(cut)
            done = line(*told, where, cwd=tmp_path / "cut")
            assert done.code == 2 and "last.ckpt is damaged and cannot be read; remove " in done.err
            assert metrics(cut) == rows
            return
    else:
        last.unlink()
        previous.unlink()
    out = trained(f"resume={cut.relative_to(tmp_path / 'cut')}", cwd=tmp_path / "cut")
    assert ("last.ckpt is missing or damaged; the one before it is taken" in out) == (damage == "cut")
    assert all(torch.equal(value, weights(cut)[name]) for name, value in weights(whole).items())
    assert metrics(cut) == metrics(whole)


@pytest.mark.parametrize(("minutes", "saved"), [(1e-9, [1, 2, 3, 4, 5]), (60, [5])])
def test_a_checkpoint_is_written_once_the_minutes_are_over(
    minutes: float, saved: list[int], tmp_path: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, save = [], LastCheckpoint.save

    def counted(self: LastCheckpoint, trainer: pl.Trainer) -> None:
        steps.append(trainer.global_step)
        save(self, trainer)

    monkeypatch.setattr(LastCheckpoint, "save", counted)
    trained(*TINY, f"checkpoint_every_n_minutes={minutes}", "method=simclr", cwd=tmp_path)
    assert steps == saved  # the fifth at the end of the epoch


def kill_after(step: int, *arguments: str, cwd: Path) -> Path:
    """Start a run, kill it once it has logged `step`, and return its folder."""
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    line = [sys.executable, str(ROOT / "train.py"), *settled(*arguments)]
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


@pytest.mark.long  # test_kills.py has every method, and checkpoints in mid-epoch
def test_a_run_that_is_killed_between_the_ends_of_epochs_resumes_to_the_same_bits(
    tmp_path: Path, trained: Trained
) -> None:
    arguments = (*TINY, "K=60", "trainer.limit_train_batches=40", "epochs=2", "probes.knn.every_n_epochs=1")
    (tmp_path / "killed").mkdir()
    trained(*arguments, cwd=tmp_path / "whole")
    whole = only_run(tmp_path / "whole")
    killed = kill_after(50, *arguments, cwd=tmp_path / "killed")
    step = torch.load(killed / "checkpoints" / "last.ckpt", weights_only=True)["global_step"]
    assert 40 <= step < 80
    before = [path for path in killed.rglob("*") if path.name != "previous.ckpt"]
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


STEPS = ("trainer.limit_train_batches=3", "epochs=2", "trainer.log_every_n_steps=2", "probes.knn.every_n_epochs=2")


@pytest.mark.long
def test_a_run_that_is_stopped_is_interrupted_and_goes_on_to_the_same_end(
    tmp_path: Path, trained: Trained, line: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(*TINY, *STEPS, cwd=tmp_path / "whole")
    end = LastCheckpoint.on_train_batch_end

    def stop(self: LastCheckpoint, trainer: pl.Trainer, *rest: object) -> None:
        trainer.should_stop = True  # as trainer.max_time does
        end(self, trainer, *rest)

    monkeypatch.setattr(LastCheckpoint, "on_train_batch_end", stop)
    stopped = line(*TINY, *STEPS, "hydra.run.dir=x", cwd=tmp_path / "parts")
    assert stopped.code == 1
    assert stopped.err.endswith("error: stopped after 1 of 6 steps; python train.py resume=x goes on\n")
    folder = tmp_path / "parts" / "x"
    for steps in range(2, 7):
        assert result(folder)["status"] == "interrupted"
        done = line("resume=x", cwd=tmp_path / "parts")
        assert f"\ngoes on from step {steps - 1} of 6\n" in done.out
        assert f"stopped after {steps} of 6 steps" in done.err or (done.code, steps) == (0, 6)
    whole = only_run(tmp_path / "whole")
    assert metrics(folder) == metrics(whole)
    assert all(torch.equal(value, weights(folder)[name]) for name, value in weights(whole).items())
    assert result(folder)["status"] == "done"


def test_a_run_of_max_steps_that_ends_in_mid_epoch_is_done_and_has_its_checkpoint(
    tmp_path: Path, trained: Trained
) -> None:
    trained(*TINY, "trainer.max_steps=3")
    folder = only_run(tmp_path)
    assert result(folder)["status"] == "done"
    assert torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 3


@pytest.mark.parametrize(("every", "kills"), [("null", 2), pytest.param("1", 6, marks=pytest.mark.long)])
def test_a_run_killed_between_a_checkpoint_and_its_row_loses_no_row(
    every: str, kills: int, tmp_path: Path, trained: Trained, line: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = (*TINY, *STEPS, f"checkpoint_every_n_steps={every}")
    trained(*told, cwd=tmp_path / "whole")
    save = LastCheckpoint.save

    def killed(self: LastCheckpoint, trainer: pl.Trainer) -> None:
        save(self, trainer)
        raise SystemExit

    monkeypatch.setattr(LastCheckpoint, "save", killed)
    for _ in range(kills):  # at the end of each epoch, or of each step
        with pytest.raises(SystemExit):
            line(*told, "hydra.run.dir=x", cwd=tmp_path / "parts")
    monkeypatch.setattr(LastCheckpoint, "save", save)
    out = trained(*told, "hydra.run.dir=x", cwd=tmp_path / "parts")
    assert "\ngoes on from step 6 of 6\n" in out  # to the final evaluation
    assert metrics(tmp_path / "parts" / "x") == metrics(only_run(tmp_path / "whole"))


def test_the_same_line_in_the_same_folder_goes_on_or_is_done_and_another_is_an_error(
    tmp_path: Path, trained: Trained, line: Typed
) -> None:
    trained(*TINY, "K=4", "hydra.run.dir=x")
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "x").rglob("*") if path.name != ".lock"}
    assert "done before: x" in trained(*TINY, "K=4", "hydra.run.dir=x")
    other = line(*TINY, "K=8", "hydra.run.dir=x")
    assert (other.code, other.err) == (
        2,
        "error: hydra.run.dir=x: holds another run (K: 4, not 8); choose another folder\n",
    )
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    (tmp_path / "x" / "result.json").unlink()  # as of a run that was killed before its first checkpoint
    (tmp_path / "x" / "checkpoints" / "last.ckpt").unlink()
    trained(*TINY, "K=4", "hydra.run.dir=x")
    assert (tmp_path / "x" / "metrics.1.csv").is_file()


@pytest.mark.long  # test_stored_runs.py has one of an older version
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
    whole = result(folder := only_run(tmp_path))
    (folder / "result.json").write_text(json.dumps({**whole, "status": "running", "loss": None}))
    stored = torch.load(folder / CHECKPOINT)
    stored["callbacks"]["Clock"]["whole"] = 1000.0
    torch.save(stored, folder / CHECKPOINT)
    trained(f"resume={folder.relative_to(tmp_path)}")
    found = result(folder)
    assert 1000 < found["seconds"] < 1000 + 600 and {**found, "seconds": 0} == {**whole, "seconds": 0}
