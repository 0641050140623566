"""The probes of a training run, and the protocols on a stored one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

from contrastive_lab.augment import Color, Crop, Recipe
from contrastive_lab.backbone import small_resnet
from contrastive_lab.dataset import Splits, ViewsDataModule
from contrastive_lab.encoder import Encoder, build_head
from contrastive_lab.evaluation import protocols
from contrastive_lab.evaluation.callbacks import KnnProbe, OnlineProbe
from contrastive_lab.evaluation.features import evaluating, labelled_features, pixels
from contrastive_lab.method import SimCLR
from tests.conftest import ROOT, TINY, command, only_run

RECIPE = Recipe(12, [0.5], [0.25], Crop(), 0.5, Color(), 0.2, 0.0)


def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder(small_resnet((8, 16)), build_head("linear", 16, dim=6))


def fit(data: ViewsDataModule, *callbacks: pl.Callback, epochs: int = 2) -> tuple[SimCLR, pl.Trainer]:
    method = SimCLR(encoder(), tau=0.5)
    trainer = pl.Trainer(
        max_epochs=epochs, callbacks=list(callbacks), logger=False, enable_checkpointing=False, accelerator="cpu",
        enable_progress_bar=False, enable_model_summary=False, use_distributed_sampler=False,
    )  # fmt: skip
    trainer.fit(method, data)
    return method, trainer


@pytest.fixture
def data(splits: Splits) -> ViewsDataModule:
    return ViewsDataModule(splits, RECIPE, batch_size=40)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Lightning's advice on loggers and workers
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_probes_never_touch_the_encoder(data: ViewsDataModule) -> None:
    alone, _ = fit(data)
    probed, trainer = fit(data, OnlineProbe(lr=10.0), KnnProbe(k=5, every_n_epochs=1))
    for name, value in alone.state_dict().items():
        assert torch.equal(value, probed.state_dict()[name]), name
    assert {"online_top1", "knn_top1", "online_loss"} <= set(trainer.callback_metrics)
    assert probed.encoder.training


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_online_probe_learns_what_features_tell(splits: Splits) -> None:
    """Images whose brightness is their class: the probe must find it."""
    for split in (splits.train, splits.test):
        split.images[:] = (split.labels.numpy()[:, None, None, None] * 100 + 20).astype("uint8")
    still = Recipe(12, [0.5], [0.25], Crop(scale=(1.0, 1.0), ratio=(1.0, 1.0)), 0.5, Color(p=0.0), 0.0, 0.0)
    _, trainer = fit(ViewsDataModule(splits, still, batch_size=40), OnlineProbe(lr=0.5), epochs=15)
    assert trainer.callback_metrics["online_top1"] > 90


def test_the_online_probe_starts_alike_and_keeps_its_state(data: ViewsDataModule) -> None:
    method = SimCLR(encoder())
    probes = [OnlineProbe(seed=3) for _ in range(2)]
    trainer = pl.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu", callbacks=[])
    trainer.datamodule = data
    for probe in probes:
        probe.setup(trainer, method, "fit")
    assert torch.equal(probes[0].linear.weight, probes[1].linear.weight)
    with torch.no_grad():
        probes[0].linear.weight.add_(1)
    probes[1].load_state_dict(probes[0].state_dict())
    assert torch.equal(probes[0].linear.weight, probes[1].linear.weight)


def test_features_are_those_of_clean_images_in_eval_mode(splits: Splits) -> None:
    net = encoder().train()
    found = labelled_features(net, splits.test, RECIPE)
    assert net.training and all(part.training for part in net.modules())
    images = torch.from_numpy(splits.test.images.copy()).permute(0, 3, 1, 2) / 255
    with evaluating(net):
        h, z = net((images - 0.5) / 0.25)
    torch.testing.assert_close(found.features, h)
    torch.testing.assert_close(labelled_features(net, splits.test, RECIPE, "z").features, z)
    assert torch.equal(found.labels, splits.test.labels)
    assert pixels(splits.test, RECIPE).features.shape == (30, 3 * 12 * 12)


def test_images_of_another_size_are_resized(splits: Splits) -> None:
    assert pixels(splits.test, Recipe(6, [0.5], [0.25], Crop(), 0.5, Color(), 0.2, 0.0)).features.shape == (30, 108)


@pytest.mark.parametrize("name", ["linear", "knn", "mean", "linear_moco"])
def test_every_protocol_separates_separable_images(name: str, splits: Splits) -> None:
    for split in (splits.train, splits.test):
        split.images[:] = 0
        for i, label in enumerate(split.labels):
            split.images[i, ..., label] = 250  # red, green or blue
    options = {"epochs": 60, "lr": 1.0} if name == "linear_moco" else {}
    scores = getattr(protocols, name)(
        encoder(), ViewsDataModule(splits, RECIPE, batch_size=40), features="h", **options
    )
    assert scores.top1 > 95
    assert scores.top5 == 100  # three classes


def test_a_stored_run_scores_as_it_did_at_its_end(tmp_path: Path, trained: Callable[..., str]) -> None:
    trained(*TINY, "evaluation.epochs=3")
    folder = only_run(tmp_path).relative_to(tmp_path)
    stored = json.loads((tmp_path / folder / "result.json").read_text())
    done = command("scripts/evaluate.py", f"run={folder}", "evaluation=linear", "evaluation.epochs=3", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / folder / "evaluation_linear_h_3.json").read_text())
    assert found["top1"] == stored["linear_top1"]  # the same encoder, the same protocol, the same seed
    assert f"linear on h: {found['top1']:.2f} % top-1" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "run=<folder of a run>: needed"),
        (["run=nowhere"], "run=nowhere: not the folder of a run"),
        (["run=nowhere", "K=3"], "K=3: takes run=<folder of a run>, evaluation="),
    ],
)
def test_bad_lines_are_refused(arguments: list[str], message: str, tmp_path: Path) -> None:
    assert (ROOT / "scripts" / "evaluate.py").exists()
    done = command("scripts/evaluate.py", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {message}")
