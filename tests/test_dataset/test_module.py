"""Batches: which images, in which order, and their views."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from contrastive_lab.augment import Color, Crop, Recipe
from contrastive_lab.dataset import Arrays, Files, Splits, ViewsDataModule
from contrastive_lab.dataset.module import Position

RECIPE = Recipe(8, [0.5], [0.25], Crop(), 0.5, Color(), 0.2, 0.0)


def batches(data: ViewsDataModule) -> list[Position]:
    return list(data.train_dataloader())


def test_an_epoch_shows_every_image_once_in_an_order_of_its_own(splits: Splits) -> None:
    data = ViewsDataModule(splits, RECIPE, batch_size=40)
    seen = torch.cat([position.ids for position in batches(data)])
    assert sorted(seen.tolist()) == list(range(120))
    assert [(p.epoch, p.step) for p in batches(data)] == [(0, 0), (0, 1), (0, 2)]
    assert torch.equal(seen, torch.cat([p.ids for p in batches(data)]))
    other = torch.cat([p.ids for p in batches(ViewsDataModule(splits, RECIPE, 40, seed=1))])
    assert not torch.equal(seen, other)


def test_the_last_incomplete_batch_is_dropped(splits: Splits) -> None:
    data = ViewsDataModule(splits, RECIPE, batch_size=50)
    assert len(data.train_dataloader()) == len(batches(data)) == 2


def test_a_batch_has_views_of_its_images(splits: Splits) -> None:
    off = Recipe(12, [0.0], [1.0], Crop(scale=(1.0, 1.0), ratio=(1.0, 1.0)), 0.0, Color(p=0.0), 0.0, 0.0)
    data = ViewsDataModule(splits, off, batch_size=40)
    batch = data.on_after_batch_transfer(batches(data)[1], 0)
    images = torch.from_numpy(splits.pretrain.images[batch.ids.numpy()].copy()).permute(0, 3, 1, 2) / 255
    for view in batch.views:
        torch.testing.assert_close(view, images, rtol=0, atol=1e-5)
    assert torch.equal(batch.classes[batch.ids], splits.pretrain.labels[batch.ids])


def test_views_differ_by_view_step_and_epoch(splits: Splits) -> None:
    data = ViewsDataModule(splits, RECIPE, batch_size=120)
    ids = torch.arange(120)
    made = [data.on_after_batch_transfer(Position(e, s, ids, []), 0).views for e, s in ((0, 0), (0, 1), (1, 0))]
    flat = [view for views in made for view in views]
    assert all(not torch.allclose(a, b) for i, a in enumerate(flat) for b in flat[:i])
    again = data.on_after_batch_transfer(Position(0, 1, ids, []), 0).views
    assert all(torch.equal(a, b) for a, b in zip(made[1], again, strict=True))


def test_too_large_a_batch_is_an_error(splits: Splits) -> None:
    with pytest.raises(ValueError, match="batch_size=121: more than the 120 images"):
        ViewsDataModule(splits, RECIPE, batch_size=121)


@pytest.mark.parametrize("workers", [0, 2])
def test_files_are_cropped_by_workers_as_arrays_are_on_the_device(tmp_path: Path, workers: int) -> None:
    source = np.random.default_rng(0)
    smooth = torch.nn.functional.interpolate(
        torch.from_numpy(source.random((8, 3, 4, 4))), (32, 32), mode="bilinear", align_corners=True
    )
    images = (255 * smooth).round().byte().permute(0, 2, 3, 1).contiguous().numpy()
    for i, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    files = Files(sorted(tmp_path.glob("*.png")))
    recipe = Recipe(16, [0.5], [0.25], Crop(), 0.5, Color(p=0.0), 0.2, 0.0)
    views = []
    for split in (files, Arrays(images)):
        data = ViewsDataModule(Splits(split, None, None), recipe, batch_size=8, workers=workers)
        views.append(data.on_after_batch_transfer(batches(data)[0], 0).views)
    for from_files, from_arrays in zip(*views, strict=True):
        # PIL rounds after each of the two axes, and normalisation multiplies by 4.
        torch.testing.assert_close(from_files, from_arrays, rtol=0, atol=4 * 1.01 / 255)
