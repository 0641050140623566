"""Whole runs on texts through the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

from contrastive_lab.config import options
from contrastive_lab.errors import RunError
from contrastive_lab.run.callbacks import LastCheckpoint
from tests.conftest import Line, command, only_run
from tests.small_texts import SMALL
from tests.test_method.batches import CONTRASTIVE

QUICK = ("simclr", "moco_v2")
LONG = [name for name in options("method") if name not in QUICK]


def loss(folder: Path) -> float:
    return json.loads((folder / "result.json").read_text())["loss"]


def state(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


@pytest.mark.parametrize("method", [*QUICK, *(pytest.param(name, marks=pytest.mark.long) for name in LONG)])
def test_every_method_trains_on_texts(method: str, news: Path, trained: Callable[..., str]) -> None:
    K = ["K=8"] if method in CONTRASTIVE else []
    printed = trained(*SMALL, f"method={method}", "evaluation=linear", *K, cwd=news)
    found = json.loads((only_run(news) / "result.json").read_text())
    assert (found["status"], found["dataset"], found["backbone"]) == ("done", "ag_news", "bag_of_words")
    assert all(0 < found[name] <= 100 for name in ("linear_top1", "knn_top1", "online_top1"))
    assert "of 64 texts, 4 steps an epoch" in printed and "texts/s" in printed
    assert state(only_run(news))["encoder.backbone.embedding.weight"].shape[1] == 6


def test_a_clear_line_says_where_a_csv_is_expected(tmp_path: Path, line: Callable[..., Line]) -> None:
    done = line(*SMALL, "method=simclr")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert done.err.startswith("error: dataset=ag_news: no ag_news/train.csv or ag_news/train.csv.xz; its rows are")
    assert not list(tmp_path.iterdir())


def test_fewer_texts_than_the_batch_are_told_before_anything_is_made(news: Path, line: Callable[..., Line]) -> None:
    done = line(*SMALL, "method=simclr", f"data_dir={news}", "batch_size=128", cwd=news)
    assert done.err == "error: batch_size=128: more than the 64 texts of dataset=ag_news; batch_size=64 fits\n"
    assert not (news / "outputs").exists()


@pytest.mark.long
def test_a_stopped_run_on_texts_resumes_exactly(
    news: Path, line: Callable[..., Line], trained: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = (*SMALL, f"data_dir={news}", "method=moco_v2", "K=8", "checkpoint_every_n_steps=1")
    trained(*arguments, cwd=news / "whole")

    def stop(self: LastCheckpoint, trainer: pl.Trainer) -> None:
        save(self, trainer)
        if trainer.global_step == 6:  # in the second of two epochs of 4 steps
            raise RunError("stopped")

    save = LastCheckpoint.save
    with monkeypatch.context() as patch:
        patch.setattr(LastCheckpoint, "save", stop)
        assert line(*arguments, cwd=news / "part").code == 1
    whole, part = only_run(news / "whole"), only_run(news / "part")
    assert not torch.equal(state(whole)["queue.keys"], state(part)["queue.keys"])
    trained(f"resume={part.relative_to(news / 'part')}", cwd=news / "part")
    assert all(torch.equal(value, state(part)[name]) for name, value in state(whole).items())


@pytest.mark.long
def test_two_processes_train_on_texts_like_one(news: Path) -> None:
    losses = []
    for name, strategy in (("one", []), ("two", ["strategy=ddp_cpu"])):
        (news / name).mkdir()
        arguments = (*SMALL, "method=moco_v2", "K=8", "trainer.precision=64-true", f"data_dir={news}", *strategy)
        done = command(*arguments, cwd=news / name)
        assert done.returncode == 0, done.stderr
        losses.append(loss(only_run(news / name)))
    assert losses[0] == pytest.approx(losses[1], abs=1e-8, rel=0)
