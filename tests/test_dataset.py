from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from contrastive_lab.augment import Color, Crop, Recipe
from contrastive_lab.dataset import Arrays, Files, Splits, ViewsDataModule, embedded, image_folder, packed
from contrastive_lab.dataset.module import Position
from contrastive_lab.errors import RunError

RECIPE = Recipe(8, [0.5], [0.25], Crop(), 0.5, Color(), 0.2, 0.0)


def batches(data: ViewsDataModule) -> list[Position]:
    return list(data.train_dataloader())


def test_embedded_images_are_balanced_and_complete() -> None:
    splits = embedded()
    assert splits.pretrain is splits.train
    assert splits.train.images.shape == (5000, 28, 28, 1)
    assert splits.test.images.shape == (1000, 28, 28, 1)
    assert torch.bincount(splits.train.labels).tolist() == [500] * 10
    assert torch.bincount(splits.test.labels).tolist() == [100] * 10
    assert splits.classes == 10


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


def test_too_large_a_batch_is_refused(splits: Splits) -> None:
    with pytest.raises(ValueError, match="batch_size=121: more than the 120 images"):
        ViewsDataModule(splits, RECIPE, batch_size=121)


@pytest.mark.parametrize(
    "images", [np.zeros((3, 4, 4, 2), np.uint8), np.zeros((3, 4, 4, 3)), np.zeros((3, 4), np.uint8)]
)
def test_other_arrays_are_refused(images: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8"):
        Arrays(images)


def test_labels_must_fit() -> None:
    with pytest.raises(ValueError, match="3 images have 3 labels"):
        Arrays(np.zeros((3, 4, 4, 1), np.uint8), np.zeros(2, np.int64))


class FakeCifar:
    """torchvision's interface, without its download."""

    made = 0

    def __init__(self, root: str, train: bool, download: bool) -> None:
        FakeCifar.made += 1
        assert download
        n = 20 if train else 6
        self.data = np.full((n, 32, 32, 3), 200 if train else 100, np.uint8)
        self.targets = [i % 10 for i in range(n)]


def test_a_download_is_packed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision.datasets, "CIFAR10", FakeCifar)
    FakeCifar.made = 0
    for _ in range(2):
        splits = packed("cifar10", str(tmp_path))
        assert (len(splits.train), len(splits.test)) == (20, 6)
        assert splits.test.labels.tolist() == [0, 1, 2, 3, 4, 5]
        assert splits.train.images[3].mean() == 200
    assert FakeCifar.made == 2  # train and test, once each
    images = np.load(tmp_path / "cifar10" / "train_images.npy")
    assert (images.dtype, images.shape) == (np.uint8, (20, 32, 32, 3))
    assert np.load(tmp_path / "cifar10" / "train_labels.npy").dtype == np.int64
    assert not list(tmp_path.rglob("*partial*"))


def test_packed_arrays_are_used_without_a_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torchvision.datasets, "STL10")
    folder = tmp_path / "stl10"
    folder.mkdir()
    for part, n in (("train", 4), ("test", 3)):
        np.save(folder / f"{part}_images.npy", np.zeros((n, 96, 96, 3), np.uint8))
        np.save(folder / f"{part}_labels.npy", np.arange(n))
    np.save(folder / "unlabeled_images.npy", np.zeros((9, 96, 96, 3), np.uint8))
    splits = packed("stl10", str(tmp_path))
    assert (len(splits.pretrain), len(splits.train), len(splits.test)) == (9, 4, 3)
    assert splits.pretrain.labels is None
    assert splits.classes == 4


def test_a_failed_download_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: object, **kwargs: object) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr(torchvision.datasets, "CIFAR100", offline)
    with pytest.raises(RunError, match=r"dataset=cifar100: no arrays in .*cifar100 and the download failed \(Name"):
        packed("cifar100", str(tmp_path))
    assert not (tmp_path / "cifar100").exists()


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Write images of one colour each: `folder("train/cat/a.png", ...)`."""

    def write(*names: str, size: tuple[int, int] = (20, 14)) -> Path:
        for i, name in enumerate(names):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", size, (10 * i, 0, 0)).save(path)
        return tmp_path

    return write


def test_a_folder_of_classes_has_labels(folder: Callable[..., Path]) -> None:
    root = folder("train/b/1.png", "train/a/2.png", "train/a/3.jpg", "val/a/4.png", "val/b/5.PNG")
    splits = image_folder(str(root))
    assert len(splits.pretrain) == 3
    assert [p.parent.name for p in splits.train.paths] == ["a", "a", "b"]
    assert splits.train.labels.tolist() == [0, 0, 1]
    assert splits.test.labels.tolist() == [0, 1]


@pytest.mark.parametrize("names", [("a.png", "sub/b.png"), ("train/x/a.png", "train/y/b.png")])
def test_a_folder_without_a_test_set_has_no_labels(names: tuple[str, ...], folder: Callable[..., Path]) -> None:
    splits = image_folder(str(folder(*names)))
    assert len(splits.pretrain) == 2
    assert splits.train is None and splits.test is None and splits.classes == 0


def test_probes_can_have_a_folder_of_their_own(folder: Callable[..., Path], tmp_path: Path) -> None:
    folder("raw/1.png", "raw/2.png", "labelled/train/a/3.png", "labelled/val/a/4.png")
    splits = image_folder(str(tmp_path / "raw"), str(tmp_path / "labelled"))
    assert (len(splits.pretrain), len(splits.train), len(splits.test)) == (2, 1, 1)
    with pytest.raises(RunError, match=r"dataset.probe_root=.*needs train/ and val/"):
        image_folder(str(tmp_path / "raw"), str(tmp_path / "raw"))
    with pytest.raises(RunError, match=r"dataset.root=.*no images"):
        image_folder(str(tmp_path / "labelled" / "train" / "nothing"))


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
