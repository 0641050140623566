"""The probes of a training run."""

import pytest
import pytorch_lightning as pl
import torch

from contrastive_lab.augment import Color, Crop, Recipe
from contrastive_lab.dataset import Splits, ViewsDataModule
from contrastive_lab.evaluation.callbacks import KnnProbe, OnlineProbe
from contrastive_lab.method import SimCLR
from tests.small_encoders import RECIPE, encoder

WIDTH = encoder().features


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
    probed, trainer = fit(data, OnlineProbe(WIDTH, 3, 40, lr=10.0), KnnProbe(k=5, every_n_epochs=1))
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
    _, trainer = fit(ViewsDataModule(splits, still, batch_size=40), OnlineProbe(WIDTH, 3, 40, lr=0.5), epochs=15)
    assert trainer.callback_metrics["online_top1"] > 90


def test_the_online_probe_starts_alike_and_keeps_its_state() -> None:
    probes = [OnlineProbe(features=5, classes=3, batch_size=64, lr=0.1, seed=3) for _ in range(2)]
    assert probes[0].linear.weight.shape == (3, 5)
    assert probes[0].optimizer.param_groups[0]["lr"] == 0.1 * 64 / 256
    assert torch.equal(probes[0].linear.weight, probes[1].linear.weight)
    with torch.no_grad():
        probes[0].linear.weight.add_(1)
    probes[1].load_state_dict(probes[0].state_dict())
    assert torch.equal(probes[0].linear.weight, probes[1].linear.weight)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_knn_keeps_which_test_images_were_right(data: ViewsDataModule) -> None:
    probe = KnnProbe(k=5, every_n_epochs=1)
    _, trainer = fit(data, probe)
    assert probe.right is not None
    assert 100 * probe.right.double().mean() == pytest.approx(float(trainer.callback_metrics["knn_top1"]))
    (resumed := KnnProbe()).load_state_dict(probe.state_dict())  # stopped in the final evaluation, it scores no more
    assert resumed.right is not None and torch.equal(resumed.right, probe.right)
    assert KnnProbe().state_dict() == {}
