"""Views of every image, again and again."""

import itertools
from dataclasses import replace
from itertools import islice

import pytest
import torch

from contrastive_lab.augment import Color, Crop, Recipe
from contrastive_lab.dataset import Splits, ViewsDataModule
from contrastive_lab.evaluation.features import labelled_features
from contrastive_lab.evaluation.views import view_pairs
from tests.small_encoders import pixel_encoder

RECIPE = Recipe(8, [0.5], [0.25], Crop(), flip=0.5, color=Color(p=0.0), gray=0.0, blur=0.0)


def test_every_image_gets_views_of_its_own_in_order(splits: Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contrastive_lab.evaluation.views.ROWS", 50)  # 120 images: two blocks and a rest of 20
    whole = Crop(scale=(1.0, 1.0), ratio=(1.0, 1.0))
    still = Recipe(12, [0.5], [0.25], whole, flip=0.0, color=Color(p=0.0), gray=0.0, blur=0.0)
    data, encoder = ViewsDataModule(splits, still, 20), pixel_encoder()
    clean = labelled_features(encoder, splits.pretrain, still, "z").features
    for pair in islice(view_pairs(encoder, splits.pretrain, data, 0, "x"), 2):
        torch.testing.assert_close(pair, clean.expand(2, -1, -1))


def test_views_are_new_each_time_and_known_by_seed_and_purpose(splits: Splits) -> None:
    data, encoder = ViewsDataModule(splits, replace(RECIPE, size=12), 20), pixel_encoder()
    key = [(0, "x"), (0, "x"), (1, "x"), (0, "y")]
    first, again, other, purpose = (list(islice(view_pairs(encoder, splits.pretrain, data, *each), 2)) for each in key)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    views = [view for pairs in (first, other, purpose) for pair in pairs for view in pair]
    for a, b in itertools.combinations(views, 2):
        assert (a != b).any(1).float().mean() > 0.9
