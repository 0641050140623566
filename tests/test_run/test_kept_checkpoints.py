from pathlib import Path

import pytest
import torch

from contrastive_lab.record.checkpoint import keep_checkpoint
from tests.conftest import TINY, only_run
from tests.test_run.test_train import Trained, Typed


@pytest.mark.parametrize("keep", ["[1,3]", "[2]"])
def test_chosen_epochs_are_kept(keep: str, tmp_path: Path, trained: Trained) -> None:
    trained(*TINY, "epochs=3", "trainer.limit_train_batches=2", f"checkpoint.keep={keep}")
    kept = {path.name: path for path in (only_run(tmp_path) / "checkpoints").iterdir()}
    steps = {name: torch.load(path, weights_only=True)["global_step"] for name, path in kept.items()}
    expected = {"[1,3]": {"epoch=1.ckpt": 2, "epoch=3.ckpt": 6}, "[2]": {"epoch=2.ckpt": 4}}[keep]
    assert steps == {"last.ckpt": 6, **expected}


def test_an_epoch_that_was_not_kept_at_its_end_is_kept_once_the_run_goes_on(
    tmp_path: Path, line: Typed, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = (*TINY, "epochs=2", "trainer.limit_train_batches=2", "checkpoint.keep=[1,2]", "hydra.run.dir=x")
    for last in (1, 2):  # the run ends between the last checkpoint of an epoch and its copy

        def killed(folder: Path, epoch: int, last: int = last) -> None:
            if epoch == last:
                raise SystemExit
            keep_checkpoint(folder, epoch)

        with monkeypatch.context() as patch, pytest.raises(SystemExit):
            patch.setattr("contrastive_lab.run.callbacks.keep_checkpoint", killed)
            line(*told)
    trained(*told)
    kept = {path.name: torch.load(path, weights_only=True) for path in (tmp_path / "x" / "checkpoints").iterdir()}
    steps = {name: checkpoint["global_step"] for name, checkpoint in kept.items()}
    assert steps == {"last.ckpt": 4, "epoch=1.ckpt": 2, "epoch=2.ckpt": 4}


def test_an_epoch_after_the_last_cannot_be_kept(line: Typed, tmp_path: Path) -> None:
    done = line(*TINY, "checkpoint.keep=[1,2]")
    assert (done.code, done.err) == (2, "error: checkpoint.keep=[1,2]: 2 is after epochs=1\n")
    assert list(tmp_path.iterdir()) == []
