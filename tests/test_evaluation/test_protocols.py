"""Every protocol on an encoder."""

import pytest

from contrastive_lab.dataset import Splits, ViewsDataModule
from contrastive_lab.evaluation import protocols
from tests.small_encoders import RECIPE, encoder


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
