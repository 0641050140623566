"""Batches of scenes."""

import pytest
import torch

from contrastive_lab.detect.data import SceneBatch, SceneDataModule
from tests.small_scenes import canvases, scenes


def batches(data: SceneDataModule, epoch: int, first: int = 0) -> list[SceneBatch]:
    return [data.transfer_batch_to_device(b, torch.device("cpu"), 0) for b in data.positions(epoch, first)]


def test_a_batch_is_a_function_of_seed_epoch_and_step() -> None:
    whole, rest = batches(scenes(), 1), batches(scenes(), 1, first=1)
    assert len(whole) == 2
    assert torch.equal(whole[1].views[0], rest[0].views[0])
    assert torch.equal(whole[1].targets[2]["boxes"], rest[0].targets[2]["boxes"])
    ids = torch.cat([batch.ids for batch in whole])
    assert (
        sorted(ids.tolist()) == [*range(8)]
        and ids.tolist() != torch.cat([b.ids for b in batches(scenes(), 0)]).tolist()
    )


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.long)])
def test_images_are_those_of_the_scenes_in_01(workers: int) -> None:
    data = SceneDataModule(canvases(), canvases(4), 4, flip=0.0, workers=workers)
    (first, _), like = batches(data, 0), canvases()
    for image, target, number in zip(first.views, first.targets, first.ids.tolist(), strict=True):
        assert torch.allclose(image * 255, like[number].image.float())
        assert torch.equal(target["boxes"], like[number].boxes)


def test_mirroring_and_sizes_are_drawn() -> None:
    both = SceneDataModule(canvases(), canvases(4), 8, flip=0.5, sizes=[32, 48], test_size=96)
    (batch,) = batches(both, 0)
    assert {image.shape[1] for image in batch.views} == {32, 48}
    mirrored = SceneDataModule(canvases(), canvases(4), 8, flip=1.0)
    (batch,) = batches(mirrored, 0)
    assert torch.allclose(batch.views[0] * 255, canvases()[int(batch.ids[0])].image.flip(2).float())
    assert [made.image.shape[1] for _, made in both.tests(range(2))] == [96, 96]


def test_fewer_scenes_than_a_batch_are_an_error() -> None:
    with pytest.raises(ValueError, match="batch_size=9: more than the 8 training images"):
        scenes(9)
