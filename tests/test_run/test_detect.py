"""One run of `detect`: its folder, and that a run that was stopped goes on to the same bits."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
import wandb
from omegaconf import DictConfig
from PIL import Image

pytest.importorskip("pycocotools", reason='average precision needs pycocotools: pip install "contrastive-lab[detect]"')

from contrastive_lab.backbone import small_resnet
from contrastive_lab.commands import detect
from contrastive_lab.config.detect_check import composed_detect
from contrastive_lab.errors import ConfigError
from contrastive_lab.record.run import stored_config
from contrastive_lab.run.callbacks import LastCheckpoint
from contrastive_lab.run.detect import build_module
from contrastive_lab.run.replay import replay
from contrastive_lab.run.scenes import build_scenes
from tests.conftest import Line, command, only_run, settled
from tests.small_scenes import TINY_DETECT
from tests.test_run.test_kills import kill
from tests.test_run.test_train import metrics, result, weights
from tests.wandb_files import QUIET, offline_runs

Typed = Callable[..., Line]


@pytest.fixture
def typed(entered: Typed) -> Typed:
    """Type `python scripts/detect.py ...` in this process."""
    return lambda *words, **told: entered("detect.py", lambda: detect.main(sys.argv), *settled(*words), **told)


def config(*line: str) -> DictConfig:
    return composed_detect([*TINY_DETECT, *line])


def test_a_run_leaves_scores_metrics_and_pictures(tmp_path: Path, typed: Typed) -> None:
    done = typed(*TINY_DETECT, "epochs=1", "precision.per_class=true")
    assert done.code == 0, done.err
    folder = only_run(tmp_path)
    found = result(folder)
    assert (found["status"], found["method"], found["images"], found["epochs"]) == ("done", "detect", 8, 1)
    assert 0 <= found["AP75"] <= found["AP50"] <= 100 and found["APl"] is None
    assert {"scenes.png", "found.png", "command.txt", "environment.json"} <= {path.name for path in folder.iterdir()}
    assert (metrics(folder)[-1]["AP"], float(metrics(folder)[0]["loss_boxes"]) >= 0) == (str(found["AP"]), True)
    assert "AP/Sneaker" in found and "AP50 " in done.out and "(AP in" in done.out
    again = typed(*TINY_DETECT, "epochs=1", "precision.per_class=true", f"hydra.run.dir={folder}")
    assert again.code == 0 and "done before" in again.out


@pytest.mark.long
def test_a_run_that_is_stopped_goes_on_to_the_same_bits(
    tmp_path: Path, typed: Typed, line: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = (*TINY_DETECT, "checkpoint_every_n_steps=1", "precision.every_n_epochs=1")
    assert typed(*told, cwd=tmp_path / "whole").code == 0
    save = LastCheckpoint.save

    def interrupted(self: LastCheckpoint, trainer: pl.Trainer) -> None:
        save(self, trainer)
        if trainer.global_step == 3:  # in the middle of the second epoch
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(LastCheckpoint, "save", interrupted)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            typed(*told, cwd=tmp_path / "cut")
    cut, whole = only_run(tmp_path / "cut"), only_run(tmp_path / "whole")
    assert result(cut)["status"] == "interrupted"
    resume = f"resume={cut.relative_to(tmp_path / 'cut')}"
    other = line(resume, cwd=tmp_path / "cut")
    assert (other.code, other.err.startswith(f"error: {resume}: is a run of detect; ")) == (2, True)
    gone = typed(resume, cwd=tmp_path / "cut")
    assert gone.code == 0, gone.err
    first, second = weights(whole), weights(cut)
    assert first.keys() == second.keys()
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert metrics(whole) == metrics(cut)
    assert {k: result(whole)[k] for k in ("AP", "loss", "config_hash")} == {
        k: result(cut)[k] for k in ("AP", "loss", "config_hash")
    }


@pytest.mark.long
def test_a_run_that_is_killed_comes_to_the_same_bits(tmp_path: Path, typed: Typed) -> None:
    """SIGKILL at a step, and inside the write of a checkpoint."""
    told = (*TINY_DETECT, "epochs=12", "checkpoint_every_n_steps=1", "hydra.run.dir=x")
    whole, killed = (tmp_path / name for name in ("whole", "killed"))
    assert typed(*told, cwd=whole).code == 0
    killed.mkdir()
    for step, writing in ((4, False), (9, True)):
        assert kill(told, killed, step, writing, 0.02, "scripts/detect.py") or not writing
    assert result(killed / "x")["status"] == "running" and 5 < len(metrics(killed / "x")) < 24
    done = command("scripts/detect.py", "resume=x", cwd=killed)
    assert done.returncode == 0, done.stderr
    first, second = weights(whole / "x"), weights(killed / "x")
    assert first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())
    assert metrics(whole / "x") == metrics(killed / "x")
    assert result(whole / "x")["AP"] == result(killed / "x")["AP"]


@pytest.mark.long
def test_two_processes_follow_one_in_float64(tmp_path: Path) -> None:
    found = {}
    for strategy in ("single", "ddp_cpu"):
        told = (*TINY_DETECT, "trainer.precision=64-true", f"strategy={strategy}", f"hydra.run.dir={strategy}")
        done = command("scripts/detect.py", *told, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        folder = tmp_path / strategy
        steps = [row for row in metrics(folder) if row["loss"]]
        found[strategy] = [[float(row[f"loss{part}"]) for row in steps] for part in ("", "_boxes", "_classes")]
        found[strategy] += [result(folder)["AP50"], weights(folder)]
    (loss, boxes, classes, AP, own), (*others, AP_too, too) = found["single"], found["ddp_cpu"]
    assert len(loss) == 4 and loss == pytest.approx(others[0], rel=1e-7)  # torchvision's of objectness is of 32 bits
    assert boxes == pytest.approx(others[1], rel=1e-8) and classes == pytest.approx(others[2], rel=1e-8)
    assert AP_too == pytest.approx(AP) and own.keys() == too.keys()
    assert all(torch.allclose(own[name].double(), too[name].double(), 1e-8, 1e-8) for name in own if "loss" not in name)


@pytest.mark.long
def test_a_run_of_wandb_has_scores_and_pictures(tmp_path: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)
    assert typed(*TINY_DETECT, "precision.per_class=true", "logger=wandb").code == 0
    wandb.teardown()
    folder = only_run(tmp_path)
    (run,), kept = offline_runs(folder), result(folder)
    assert (run.run.display_name, run.run.job_type, run.exit_code) == ("detect-random-s0", "detect", 0)
    assert [row["trainer/global_step"] for row in run.history if "train/loss_boxes" in row] == [0, 1, 2, 3]
    assert [row["probe/AP50"] for row in run.history if "probe/AP50" in row][-1] == pytest.approx(kept["AP50"])
    assert run.summary["eval/AP"] == run.summary["AP"] == kept["AP"] and "eval/AP/Sneaker" in run.summary
    for step, name in ((0, "scenes"), (4, "found")):
        (row,) = (row for row in run.history if name in row)
        (path,) = row[name]["filenames"]
        assert row["trainer/global_step"] == step
        with Image.open(run.files / path) as logged, Image.open(folder / f"{name}.png") as own:
            assert logged.tobytes() == own.tobytes()


def test_the_step_that_met_a_nan_is_repeated(tmp_path: Path, typed: Typed) -> None:
    done = typed(*TINY_DETECT, "base_lr=1e20", "epochs=4", "optim.warmup_epochs=0")
    assert done.code == 1 and "error: not finite at step 1: loss; lower base_lr; " in done.err
    told = replay(only_run(tmp_path), stored_config(only_run(tmp_path)))
    assert told.startswith("step 1: output of detector.net.backbone.")


@pytest.mark.long
def test_a_sweep_ends_in_a_report_of_average_precision(tmp_path: Path, typed: Typed) -> None:
    done = typed("-m", *TINY_DETECT, "epochs=1", "seed=0,1", "data.images=8,12", cwd=tmp_path)
    assert done.code == 0, done.err
    (report,) = (tmp_path / "outputs" / "sweeps").glob("*/report")
    rows = (report / "runs.csv").read_text().splitlines()
    assert len(rows) == 5 and ",AP," in rows[0]
    page = (report / "report.html").read_text()
    assert "average precision AP" in page and "detect.py -m start=random data.images=8,12 " in page
    again = typed("-m", *TINY_DETECT, "epochs=1", "seed=0,1", "data.images=8,12", cwd=tmp_path)
    assert (again.code, "4 done before" in again.out) == (0, True)


def test_a_detector_starts_from_weights_with_the_same_head_whatever_the_start(tmp_path: Path) -> None:
    other = small_resnet((8, 16))
    torch.save(other.state_dict(), tmp_path / "w.pt")
    plain, own = config(), config("start=run", f"weights={tmp_path / 'w.pt'}")
    data = build_scenes(plain)
    random, run = (build_module(each, data, start=True).detector.net for each in (plain, own))
    stages = dict(run.backbone.stages.named_parameters())
    assert torch.equal(stages["0.0.0.weight"], other.stem[0].weight)
    assert not torch.equal(stages["0.0.0.weight"], dict(random.backbone.stages.named_parameters())["0.0.0.weight"])
    for part in ("roi_heads", "rpn"):
        for first, second in zip(getattr(run, part).parameters(), getattr(random, part).parameters(), strict=True):
            assert torch.equal(first, second)
    torch.save({"x": torch.zeros(1)}, tmp_path / "w.pt")
    with pytest.raises(ConfigError, match="has no stem\\.0\\.weight; take the backbone that they are of"):
        build_module(own, data, start=True)
