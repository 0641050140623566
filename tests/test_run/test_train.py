"""The real command line, as a user types it."""

import csv
import json
import math
import os
import re
from collections.abc import Callable
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig

from contrastive_lab.config.resolve import resolve
from contrastive_lab.errors import RunError
from contrastive_lab.launch.evaluate import evaluate_one
from contrastive_lab.record.result import Status, read_result
from tests.conftest import TINY, Line, command, only_run
from tests.test_method.batches import CONTRASTIVE, METHODS, OBJECTIVE, asked

Typed = Callable[..., Line]
Trained = Callable[..., str]


def result(folder: Path) -> dict[str, object]:
    return json.loads((folder / "result.json").read_text())


def metrics(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


@pytest.fixture(scope="module")
def methods_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Every method with negatives that takes any loss, one job each of one real command line."""
    cwd = tmp_path_factory.mktemp("methods")
    done = command("-m", *TINY, f"method={','.join(OBJECTIVE)}", "K=20", "alpha=256", cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return cwd, done.stdout


@pytest.mark.parametrize("method", OBJECTIVE)
def test_every_method_trains(method: str, methods_run: tuple[Path, str]) -> None:
    cwd, printed = methods_run
    (folder,) = (p.parent for p in cwd.rglob("result.json") if result(p.parent)["method"] == method)
    found = result(folder)
    assert (found["status"], found["K"], found["alpha"]) == ("done", 20, 256)
    assert all(0 < found[name] <= 100 for name in ("linear_top1", "knn_top1", "online_top1"))
    rows = [row for row in metrics(folder) if row["loss"]]
    losses = [float(row["loss"]) for row in rows]
    assert [int(row["step"]) for row in rows] == [0, 1, 2, 3, 4]
    assert found["loss"] == pytest.approx(sum(losses) / 5, rel=1e-5)
    assert found["mi_estimate"] == pytest.approx(math.log(257) - found["loss"], rel=1e-4)
    assert all(float(row["gradient_norm"]) <= float(row["gradient_bound"]) for row in rows)
    for name in ("command.txt", "environment.json", ".hydra/config.yaml", ".hydra/overrides.yaml"):
        assert (folder / name).is_file(), name
    assert "train.py K=20" in (folder / "command.txt").read_text()
    assert f"{found['linear_top1']:.2f} %" in printed
    assert printed.count("verdict") == printed.count("not as in the paper") == 1  # the first job tells it
    assert printed.count("done       linear") == len(OBJECTIVE) - 1


@pytest.mark.parametrize(
    "method",
    [
        pytest.param(name, marks=pytest.mark.long) if name == "supervised" else name
        for name in sorted(set(METHODS) - set(CONTRASTIVE))
    ],
)
def test_methods_without_negatives_train(method: str, tmp_path: Path, trained: Trained) -> None:
    printed = trained(*TINY, *asked(method), "K=null")
    found = result(only_run(tmp_path))
    assert (found["status"], found["K"], found["alpha"], found["mi_estimate"]) == ("done", None, None, None)
    assert found["linear_top1"] > 10
    loss = "cross-entropy" if method in ("supervised", "finetune") else "no negatives"
    assert f"loss       {loss}" in printed and "verdict" in printed


@pytest.mark.parametrize(
    "method", ["simo", *(pytest.param(name, marks=pytest.mark.long) for name in METHODS if name != "simo")]
)
def test_every_method_trains_with_multi_crop(method: str, tmp_path: Path, trained: Trained) -> None:
    K = "K=20" if method in CONTRASTIVE else "K=null"
    trained(*TINY, *asked(method), K, "augment=multi_crop", "augment.small_views=2", "trainer.limit_train_batches=2")
    assert result(only_run(tmp_path))["status"] == "done"


def test_the_key_encoder_and_the_queue_are_in_the_checkpoint(tmp_path: Path, trained: Trained) -> None:
    trained(*TINY, "method=moco_v2", "K=200")
    state = weights(only_run(tmp_path))
    assert state["queue.keys"].shape == (200, 16)
    assert (state["queue.ids"] >= 0).all()  # 5 batches of 64 went in
    assert any(name.startswith("key_encoder") for name in state)
    assert not any("images" in name for name in state)


def test_a_run_that_turns_infinite_stops_and_says_where(tmp_path: Path, line: Typed) -> None:
    arguments = [a for a in TINY if "limit" not in a]
    done = line(*arguments, "method=moco_v1", "K=32", "base_lr=1e30", "checkpoint_every_n_steps=1")
    assert done.code == 1
    assert re.search(r"error: not finite (at|after) step [01]: \w+", done.err)
    folder = only_run(tmp_path)
    assert result(folder)["status"] == "failed"
    assert "not finite" in result(folder)["error"]
    assert all(value.isfinite().all() for value in weights(folder).values() if value.is_floating_point())


def test_the_guard_looks_at_every_step(tmp_path: Path, line: Typed) -> None:
    done = line(*TINY, "method=moco_v1", "K=32", "base_lr=1e30", "trainer.log_every_n_steps=50")
    assert done.code == 1
    assert re.search(r"error: not finite at step 1: \w+", done.err)
    assert result(only_run(tmp_path))["status"] == "failed"


def test_an_untrained_encoder_is_evaluated_with_zero_epochs(tmp_path: Path, trained: Trained) -> None:
    printed = trained(*TINY, "epochs=0")
    found = result(only_run(tmp_path))
    assert found["linear_top1"] > 20  # 10 classes
    assert found["knn_top1"] > 20
    assert found["loss"] is None
    assert "linear" in printed
    assert evaluate_one(only_run(tmp_path), {"evaluation": "mean"}).startswith("mean on z: ")  # its checkpoint is there


def test_images_without_labels_train_and_say_that_nothing_was_probed(
    tmp_path: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    calls: list[str] = []
    monkeypatch.setattr(
        import_module("contrastive_lab.run.train"), "resolve", lambda config: calls.append("") or resolve(config)
    )
    (tmp_path / "photos").mkdir()
    for i in range(70):
        Image.new("RGB", (40, 30), (3 * i, 255 - 3 * i, i)).save(tmp_path / "photos" / f"{i}.jpg")
    arguments = ("dataset=image_folder", "dataset.root=photos", "dataset.size=16", "dataset.workers=1")
    printed = trained(*arguments, *TINY, "method=npid", "K=null")
    assert len(calls) == 1
    found = result(only_run(tmp_path))
    assert (found["status"], found["linear_top1"], found["K"]) == ("done", None, 69)  # the other images
    assert "notice: no labelled test images" in printed
    checkpoint = torch.load(only_run(tmp_path) / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["config_hash"] == found["config_hash"]  # though the images are counted on the way


def test_errors_come_before_any_folder(tmp_path: Path) -> None:
    done = command("k=3", "tau=0", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["error: k: no such key; did you mean K?", "error: tau=0.0: must be more than 0"]
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_help_lists_groups_settings_and_examples(tmp_path: Path) -> None:
    done = command("--help", cwd=tmp_path)
    assert done.returncode == 0
    for text in (
        "python train.py method=simo K=16 alpha=65536",
        "EqCo: behave as with alpha negatives",
        f"method: {', '.join(name for name in METHODS if len(asked(name)) == 1)}",
    ):
        assert text in done.stdout
    assert done.stdout.count("  python train.py") == 4


@pytest.mark.long
def test_wandb_without_a_key_goes_offline(tmp_path: Path) -> None:
    environ = {"WANDB_API_KEY": "", "NETRC": str(tmp_path / "none"), "WANDB_MODE": ""}
    done = command("logger=wandb", *TINY, cwd=tmp_path, **environ)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "notice: logger=wandb finds no key" in done.stdout
    folder = only_run(tmp_path)
    (run,) = folder.glob("wandb/offline-run-*")
    assert list(run.glob("*.wandb"))
    assert result(folder)["status"] == "done"


@pytest.mark.parametrize("precision", ["bf16-mixed", pytest.param("64-true", marks=pytest.mark.long)])
def test_other_precisions_train(precision: str, tmp_path: Path, trained: Trained) -> None:
    trained(*TINY, "method=moco_v2", f"trainer.precision={precision}")
    rows = [row for row in metrics(only_run(tmp_path)) if row["loss"]]
    exact = {"bf16-mixed": torch.float32, "64-true": torch.float64}[precision]
    assert weights(only_run(tmp_path))["queue.keys"].dtype == exact
    assert all(math.isfinite(float(row["loss"])) for row in rows)


@pytest.mark.gpu
@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_on_a_gpu_in_mixed_precision(method: str, tmp_path: Path, trained: Trained) -> None:
    K = "K=20" if method in CONTRASTIVE else "K=null"
    trained(*TINY, *asked(method), K, "strategy.accelerator=gpu", "trainer.precision=bf16-mixed")
    assert result(only_run(tmp_path))["status"] == "done"


@pytest.mark.parametrize("name", ["mean", pytest.param("knn", marks=pytest.mark.long)])
def test_another_evaluation_is_named_in_the_result_and_printed(name: str, tmp_path: Path, trained: Trained) -> None:
    printed = trained(*[argument for argument in TINY if "evaluation" not in argument], f"evaluation={name}")
    found = result(only_run(tmp_path))
    assert found[f"{name}_top1"] > 10
    assert found["linear_top1"] is None
    assert f"{name:<10} {found[f'{name}_top1']:.2f} %" in printed
    assert "nothing was probed" not in printed


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (None, Status.DONE, None),
        (RunError("first\nlast"), Status.FAILED, "last"),
        (ZeroDivisionError("by zero"), Status.FAILED, "ZeroDivisionError: by zero (traceback.txt in {folder})"),
        (KeyboardInterrupt(), Status.INTERRUPTED, "KeyboardInterrupt"),
    ],
)
def test_the_result_is_written_at_start_and_end_and_the_environment_is_as_before(
    error: BaseException | None,
    status: Status,
    line: str | None,
    tmp_path: Path,
    compose: Callable[..., DictConfig],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = import_module("contrastive_lab.run.train")
    monkeypatch.setattr("contrastive_lab.run.recorded.describe", lambda folder, line: None)
    monkeypatch.setenv("MASTER_PORT", "1")
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    config = compose()
    recorded = run._recorded(config, resolve(config), tmp_path)
    raised = RunError if isinstance(error, ZeroDivisionError) else type(error)
    with pytest.raises(raised) if error else nullcontext(), recorded as result:
        assert read_result(tmp_path) == result
        assert (result.status, result.K, result.alpha, result.seconds) == (Status.RUNNING, 255, 256, None)
        os.environ |= {"MASTER_PORT": "2", "LOCAL_RANK": "1"}
        if error:
            raise error
    assert read_result(tmp_path) == result
    assert (result.status, result.error) == (status, line and line.format(folder=tmp_path))
    assert result.seconds >= 0
    assert os.environ["MASTER_PORT"] == "1" and "LOCAL_RANK" not in os.environ
