"""logger=wandb: one W&B run for each run, read back from the offline files."""

import csv
import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import wandb
from omegaconf import DictConfig, OmegaConf

from contrastive_lab.config.identity import config_hash
from contrastive_lab.config.overrides import composed
from contrastive_lab.dataset import Arrays, Splits, ViewsDataModule
from contrastive_lab.errors import RunError
from contrastive_lab.run import recorded
from tests.conftest import TINY
from tests.wandb_files import QUIET, Offline, offline_runs, records

train = import_module("contrastive_lab.run.train")
SMALL = (*TINY, "batch_size=16", "logger=wandb", "sweep=demo")


def small_data(config: DictConfig) -> ViewsDataModule:
    """A fiftieth of the embedded images."""
    whole = train.build_data_whole(config)

    def thin(split: Arrays) -> Arrays:
        return Arrays(split.images[::50], np.asarray(split.labels[::50]))

    return ViewsDataModule(Splits(*map(thin, whole.splits[:3])), whole.recipe, config.batch_size, config.seed)


class Stop(pl.Callback):
    """Ends a run in its fifth step."""

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step == 5:
            raise RunError("stopped on purpose")


def start(folder: Path, *overrides: str) -> Path:
    """A run in a folder, as the command line leaves it there."""
    config = composed([*SMALL, *overrides])
    (folder / ".hydra").mkdir(parents=True)
    OmegaConf.save(config, folder / ".hydra" / "config.yaml")
    train.train(config, folder)
    assert wandb.run is None
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """In one process: a run that is stopped, two good ones, one that fails at once, and the rest of the first."""
    parent = tmp_path_factory.mktemp("wandb")
    found = {name: parent / name for name in ("first", "second", "unread", "resumed")}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in QUIET.items():
            patch.setenv(name, value)
        patch.setattr(train, "build_data_whole", train.build_data, raising=False)
        patch.setattr(train, "build_data", small_data)
        patch.setattr(recorded, "describe", lambda folder, line: None)  # git takes longer than all else here
        patch.setattr(train, "commit", lambda: "0123456789ab")
        with patch.context() as stopped:
            stopped.setattr(train, "pictures", lambda config, loggers: [Stop()])
            with pytest.raises(RunError, match="stopped"):
                start(found["resumed"], "checkpoint_every_n_steps=3")
        start(found["first"], "K=4", "alpha=65536", "augment=multi_crop", "augment.small_views=2")
        start(found["second"], "K=null", "alpha=null", "seed=1", "logger.artifacts=true")
        with patch.context() as broken:
            broken.setattr(train, "build_data", lambda config: (_ for _ in ()).throw(RunError("no such images")))
            with pytest.raises(RunError, match="no such images"):
                start(found["unread"])
        train.train(composed([f"resume={found['resumed']}"]))
        yield found
        wandb.teardown()


@pytest.fixture(scope="module")
def runs(folders: dict[str, Path]) -> dict[str, list[Offline]]:
    return {name: offline_runs(folder) for name, folder in folders.items()}


def result(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "result.json").read_text())


def test_every_job_is_one_run_with_its_own_name_group_tags_and_id(
    folders: dict[str, Path], runs: dict[str, list[Offline]]
) -> None:
    assert {name: len(found) for name, found in runs.items()} == {"first": 1, "second": 1, "unread": 1, "resumed": 2}
    names = {name: found[0].run.display_name for name, found in runs.items()}
    assert names == {
        "first": "simo-K4-a65536-s0",
        "second": "simo-K15-a15-s1",
        "unread": "simo-K5-a256-s0",
        "resumed": "simo-K5-a256-s0",
    }
    for name, found in runs.items():
        for part in found:
            assert part.run.run_id == (folders[name] / "wandb_run_id.txt").read_text().strip()
            assert (part.run.run_group, part.run.job_type, part.run.project) == ("demo", "pretrain", "contrastive_lab")
            assert list(part.run.tags) == ["simo", "fashion_mnist_mini", "laptop"]
    assert len({found[0].run.run_id for found in runs.values()}) == 4


def test_the_second_job_of_a_process_has_its_own_configuration(runs: dict[str, list[Offline]]) -> None:
    first, second = runs["first"][0].config, runs["second"][0].config
    assert (first["K"], first["alpha"], first["seed"]) == (4, 65536, 0)
    assert (second["K"], second["alpha"], second["seed"]) == (15, 15, 1)  # what null stands for at N = 16
    assert first["augment"]["small_views"] == 2 and "small_views" in second["augment"]


def test_the_configuration_is_complete_and_resolved(folders: dict[str, Path], runs: dict[str, list[Offline]]) -> None:
    stored = OmegaConf.load(folders["first"] / ".hydra" / "config.yaml")
    assert isinstance(stored, DictConfig)
    values = {k: v for k, v in OmegaConf.to_container(stored, resolve=True).items() if k != "experiment"}
    logged = runs["first"][0].config
    assert {name: logged[name] for name in values} == values
    assert "${" not in json.dumps(logged)
    assert logged["config_hash"] == config_hash(stored)


def test_history_is_metrics_csv_over_optimizer_steps(folders: dict[str, Path], runs: dict[str, list[Offline]]) -> None:
    (run,) = runs["first"]
    with (folders["first"] / "metrics.csv").open(newline="") as file:
        wanted = {int(row["step"]): float(row["loss"]) for row in csv.DictReader(file) if row["loss"]}
    assert {
        row["trainer/global_step"]: row["train/loss"] for row in run.history if "train/loss" in row
    } == pytest.approx(wanted)
    assert sorted(wanted) == [0, 1, 2, 3, 4]
    assert all("trainer/global_step" in row for row in run.history)
    assert run.metrics["*"].step_metric == "trainer/global_step"


def test_the_summary_is_the_result_with_last_and_greatest_accuracies(
    folders: dict[str, Path], runs: dict[str, list[Offline]]
) -> None:
    (run,), found = runs["first"], result(folders["first"])
    for name in ("probe/knn_top1", "probe/online_top1", "negatives/contrastive_top1"):
        assert run.metrics[name].summary.max and run.metrics[name].summary.last
        logged = [row[name] for row in run.history if name in row]
        assert run.summary[name] == {"last": logged[-1], "max": max(logged)}
    finals = [(row["trainer/global_step"], row["eval/linear_top1"]) for row in run.history if "eval/linear_top1" in row]
    assert finals == [(5, found["linear_top1"])] and run.summary["eval/linear_top1"] == found["linear_top1"]
    known = {name: value for name, value in found.items() if value is not None}
    assert known.keys() >= {"linear_top1", "loss", "mi_estimate", "images_per_second", "config_hash"}
    assert {name: run.summary[name] for name in known} == known


def test_a_job_that_fails_is_a_failed_run(folders: dict[str, Path], runs: dict[str, list[Offline]]) -> None:
    assert {name: [part.exit_code for part in found] for name, found in runs.items()} == {
        "first": [0],
        "second": [0],
        "unread": [1],  # before there was any data
        "resumed": [1, 0],
    }
    (failed,) = runs["unread"]
    assert (failed.summary["status"], failed.summary["error"]) == ("failed", "no such images")
    assert failed.history == []


def test_a_resumed_run_keeps_its_id_and_goes_on_at_its_checkpoint(
    folders: dict[str, Path], runs: dict[str, list[Offline]]
) -> None:
    before, after = runs["resumed"]
    assert before.run.run_id == after.run.run_id
    assert before.run.resume and after.run.resume
    steps = [[row["trainer/global_step"] for row in part.history if "train/loss" in row] for part in (before, after)]
    assert steps == [[0, 1, 2, 3], [3, 4]]  # the checkpoint was made after step 2; x goes back, and no row is lost
    assert after.config["K"] == before.config["K"]
    assert after.summary["status"] == "done"
    assert result(folders["resumed"])["status"] == "done"


def test_the_exported_backbone_is_kept_where_artifacts_are_asked_for(folders: dict[str, Path]) -> None:
    kept = {name: artifacts(folders[name]) for name in ("first", "second")}
    assert kept["first"] == [] and [kind for kind, _ in kept["second"]] == ["model"]
    assert kept["second"][0][1] == ["README.md", "backbone.json", "backbone.safetensors"]


def artifacts(folder: Path) -> list[tuple[str, list[str]]]:
    """Type and files of the artifacts in the offline run of a folder."""
    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    found = [record.artifact for record in records(path.read_bytes()) if record.WhichOneof("record_type") == "artifact"]
    return [(each.type, sorted(entry.path for entry in each.manifest.contents)) for each in found]


def test_views_and_features_are_logged_as_pictures(runs: dict[str, list[Offline]]) -> None:
    (run,) = runs["first"]
    sheet, features = (next(row for row in run.history if name in row) for name in ("views", "features"))
    assert sheet["trainer/global_step"] == 0 and features["trainer/global_step"] == 5
    # 8 rows, and 4 columns of which two are small crops; 28 pixels enlarged by 3, 4 pixels between cells
    assert (sheet["views"]["height"], sheet["views"]["width"]) == (8 * 88 + 4, 4 * 88 + 4)
    for row, name in ((sheet, "views"), (features, "features")):
        (path,) = row[name]["filenames"]
        assert (run.files / path).read_bytes()[:4] == b"\x89PNG"
    assert not any("views" in row for row in runs["resumed"][1].history)
    assert any("features" in row for row in runs["resumed"][1].history)
