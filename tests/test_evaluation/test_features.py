"""Features of clean images."""

import torch

from contrastive_lab.augment import Color, Crop, Recipe
from contrastive_lab.dataset import Splits
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
