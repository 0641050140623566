"""Which loggers a run has, and what W&B is told of it."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as pl
import wandb
from omegaconf import DictConfig

from contrastive_lab.config.resolve import resolve
from contrastive_lab.errors import ConfigError
from contrastive_lab.record.result import Result, Status
from contrastive_lab.run import wandb_run
from contrastive_lab.run.loggers import GroupedWandb, build_logger, log_final, pictures
from contrastive_lab.run.wandb_run import STEP
from tests.conftest import TINY


def test_a_run_with_csv_alone_has_no_pictures_and_no_wandb(tmp_path: Path, compose: Callable[..., DictConfig]) -> None:
    assert build_logger(compose(), tmp_path, resolve(compose())) == pictures(compose(), []) == []
    assert list(tmp_path.iterdir()) == []
    wandb_run.close_run(tmp_path, Result(Status.DONE))  # nothing to close


def test_pictures_can_be_left_out(compose: Callable[..., DictConfig]) -> None:
    logger = pl.loggers.WandbLogger(experiment=SimpleNamespace(id="x"))
    assert len(pictures(compose("logger=wandb"), [logger])) == 1
    assert pictures(compose("logger=wandb", "logger.media=false"), [logger]) == []


def opened(config: DictConfig, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `wandb.init` is told for a configuration."""
    told: dict[str, Any] = {}
    run = SimpleNamespace(define_metric=lambda *_, **__: None, id="x")
    monkeypatch.setattr(wandb, "init", lambda **options: told.update(options) or run)
    build_logger(config, folder, resolve(config))
    return told


def test_what_the_user_says_of_a_run_wins(
    tmp_path: Path, compose: Callable[..., DictConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    own = (
        "logger.group=mine",
        "logger.mode=offline",
        "logger.tags=[a]",
        "logger.job_type=look",
        "logger.notes=hm",
    )
    told = opened(compose(*TINY, "logger=wandb", "sweep=s", *own), tmp_path, monkeypatch)
    given = {"group": "mine", "mode": "offline", "tags": ["a"], "job_type": "look", "notes": "hm"}
    assert {name: told[name] for name in given} == given
    assert (told["name"], told["resume"]) == ("simo-K5-a256-s0", "allow")


def test_a_loss_beside_infonce_is_a_tag_and_its_settings_are_config(
    tmp_path: Path, compose: Callable[..., DictConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    told = opened(compose(*TINY, "logger=wandb", "loss=hard", "sets=2"), tmp_path, monkeypatch)
    assert told["tags"] == ["simo", "fashion_mnist_mini", "laptop", "hard"]
    assert told["config"]["loss"] == {"name": "hard", "tau_plus": 0.1, "beta": 1.0}
    found = {key: told["config"][key] for key in ("sets", "remember", "own_class_share", "dclw_sigma", "alpha")}
    assert found == {"sets": 2, "remember": None, "own_class_share": None, "dclw_sigma": None, "alpha": 256}
    told = opened(compose(*TINY, "logger=wandb", "method=npid", "loss=nce"), tmp_path, monkeypatch)
    assert (told["name"], told["config"]["alpha"]) == ("npid-K5-nce-s0", None)


def test_metrics_are_grouped_in_wandb_and_the_final_scores_are_points(compose: Callable[..., DictConfig]) -> None:
    rows: list[dict[str, float]] = []
    logger = GroupedWandb(experiment=SimpleNamespace(id="x", log=rows.append, define_metric=lambda *_, **__: None))
    logger.log_metrics({"epoch": 0, "loss": 2.0, "knn_top1": 50.0, "negative_cosine": 0.1, "own/x": 1.0}, 3)
    logger.log_metrics({"views": ["a picture"]}, 0)  # type: ignore[dict-item]
    log_final([logger], compose(), {"knn_top1": 60.0, "linear_top1": 70.0}, 9)
    log_final([logger], compose(), {}, 9)  # without labels
    at, first = STEP, {"epoch": 0, "train/loss": 2.0, "probe/knn_top1": 50.0, "negatives/negative_cosine": 0.1}
    assert rows.pop(1) == {"views": ["a picture"], at: 0}
    assert rows == [{**first, "own/x": 1.0, at: 3}, {"eval/knn_top1": 60.0, "eval/linear_top1": 70.0, at: 9}]


def test_tensorboard_has_the_groups_and_its_hparams_the_final_scores(
    tmp_path: Path, compose: Callable[..., DictConfig]
) -> None:
    pytest.importorskip("tensorboard", reason="needs tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    config = compose(*TINY, "logger=tensorboard", "tau=0.3")
    (logger,) = build_logger(config, tmp_path, resolve(config))
    logger.log_metrics({"loss": 2.0}, 3)
    log_final([logger], config, {"linear_top1": 70.0}, 9)
    logger.finalize("success")
    read = EventAccumulator(str(tmp_path / "tensorboard"))
    read.Reload()
    tags = read.Tags()["scalars"]
    assert {"train/loss", "eval/linear_top1"} <= {*tags} and "hp_metric" not in tags
    assert [(event.step, event.value) for event in read.Scalars("eval/linear_top1")] == [(9, 70.0)]
    hparams = [*read.summary_metadata]
    assert "_hparams_/experiment" in hparams


@pytest.mark.parametrize("name", ["config", "dir", "id", "resume", "settings", "foo"])
def test_what_a_run_says_of_itself_is_not_the_users(name: str, compose: Callable[..., DictConfig]) -> None:
    with pytest.raises(ConfigError, match=rf"^logger.{name}: (no such key|wandb has no such setting)"):
        compose("logger=wandb", f"+logger.{name}=x")


def test_what_wandb_does_not_take_is_one_line(
    tmp_path: Path, compose: Callable[..., DictConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    config = compose("logger=wandb", f"logger.tags=[{'a' * 65}]")
    with pytest.raises(ConfigError, match=r"^logger=wandb: .*"):
        build_logger(config, tmp_path, resolve(config))
