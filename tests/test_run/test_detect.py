"""One run of `detect`: its folder, and that a run that was stopped goes on to the same bits."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from omegaconf import DictConfig

pytest.importorskip("pycocotools", reason='average precision needs pycocotools: pip install "contrastive-lab[detect]"')

from contrastive_lab.backbone import small_resnet
from contrastive_lab.commands import detect
from contrastive_lab.config.detect_check import composed_detect
from contrastive_lab.errors import ConfigError
from contrastive_lab.run.callbacks import LastCheckpoint
from contrastive_lab.run.detect import build_module
from contrastive_lab.run.scenes import build_scenes
from tests.conftest import Line, only_run
from tests.small_scenes import TINY_DETECT
from tests.test_run.test_train import metrics, result, weights

Typed = Callable[..., Line]


@pytest.fixture
def typed(entered: Typed) -> Typed:
    """Type `python scripts/detect.py ...` in this process."""
    return partial(entered, "detect.py", lambda: detect.main(sys.argv))


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
def test_a_sweep_ends_in_a_report_of_average_precision(tmp_path: Path, typed: Typed) -> None:
    done = typed("-m", *TINY_DETECT, "epochs=1", "seed=0,1", "data.images=8,12", cwd=tmp_path)
    assert done.code == 0, done.err
    (report,) = (tmp_path / "outputs" / "sweeps").glob("*/report")
    rows = (report / "runs.csv").read_text().splitlines()
    assert len(rows) == 5 and ",AP," in rows[0]
    assert "average precision AP" in (report / "report.html").read_text()
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
