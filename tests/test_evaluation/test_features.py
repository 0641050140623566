"""Features of clean images."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from contrastive_lab.augment import Color, Crop, Recipe
from contrastive_lab.dataset import Splits, folder
from contrastive_lab.dataset.split import Files
from contrastive_lab.evaluation.features import evaluating, labelled_features
from tests.small_encoders import RECIPE, encoder


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
    assert labelled_features(encoder(), splits.test, RECIPE, "pixels").features.shape == (30, 3 * 12 * 12)


def test_images_of_another_size_are_resized(splits: Splits) -> None:
    assert labelled_features(
        encoder(), splits.test, Recipe(6, [0.5], [0.25], Crop(), 0.5, Color(), 0.2, 0.0), "pixels"
    ).features.shape == (30, 108)


@pytest.mark.parametrize("workers", [0, 2])
def test_files_are_taken_in_blocks_and_stay_in_order(
    workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contrastive_lab.evaluation.features.ROWS", 3)
    paths = [tmp_path / f"{i}.png" for i in range(7)]
    for i, path in enumerate(paths):
        Image.new("RGB", (14 + i, 20), (30 * i, 0, 255 - i)).save(path)
    found = labelled_features(encoder(), Files(paths, [*range(7)]), RECIPE, "pixels", workers)
    assert torch.equal(found.features, (((folder.centre(paths, 12) / 255) - 0.5) / 0.25).flatten(1))
    assert found.labels.tolist() == [*range(7)]
