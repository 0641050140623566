"""Packed arrays: the embedded ones, downloads and files that are there."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision

from contrastive_lab.dataset import embedded, packed
from contrastive_lab.errors import ConfigError, RunError


def test_embedded_images_are_balanced_and_complete() -> None:
    splits = embedded()
    assert splits.pretrain is splits.train
    assert splits.train.images.shape == (5000, 28, 28, 1)
    assert splits.test.images.shape == (1000, 28, 28, 1)
    assert torch.bincount(splits.train.labels).tolist() == [500] * 10
    assert torch.bincount(splits.test.labels).tolist() == [100] * 10
    assert splits.classes == len(splits.names) == 10 and splits.names[9] == "Ankle boot"


class FakeCifar:
    """torchvision's interface, without its download."""

    made = 0

    def __init__(self, root: str, train: bool, download: bool) -> None:
        FakeCifar.made += 1
        assert download
        n = 20 if train else 6
        self.data = np.full((n, 32, 32, 3), 200 if train else 100, np.uint8)
        self.targets = [i % 10 for i in range(n)]
        self.classes = [f"kind {i}" for i in range(10)]


def test_a_download_is_packed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision.datasets, "CIFAR10", FakeCifar)
    FakeCifar.made = 0
    for _ in range(2):
        splits = packed("cifar10", str(tmp_path))
        assert (len(splits.train), len(splits.test)) == (20, 6)
        assert splits.test.labels.tolist() == [0, 1, 2, 3, 4, 5]
        assert splits.train.images[3].mean() == 200
        assert splits.names == tuple(f"kind {i}" for i in range(10))
    assert FakeCifar.made == 2  # train and test, once each
    images = np.load(tmp_path / "cifar10" / "train_images.npy")
    assert (images.dtype, images.shape) == (np.uint8, (20, 32, 32, 3))
    assert np.load(tmp_path / "cifar10" / "train_labels.npy").dtype == np.int64
    assert not list(tmp_path.rglob("*partial*"))


def test_no_part_of_an_array_is_left_where_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, array: object) -> None:
        path.write_bytes(b"part")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torchvision.datasets, "CIFAR10", FakeCifar)
    monkeypatch.setattr(np, "save", full)
    with pytest.raises(OSError, match="No space left"):
        packed("cifar10", str(tmp_path))
    assert [*(tmp_path / "cifar10").iterdir()] == []


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
    assert (splits.classes, splits.names) == (4, ())


def test_arrays_that_shall_not_be_written_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision.datasets, "CIFAR10", FakeCifar)
    with pytest.raises(ConfigError, match=rf"^data_dir={tmp_path}: no arrays of cifar10 in it, and a stored run "):
        packed("cifar10", str(tmp_path), write=False)
    assert not [*tmp_path.iterdir()]
    packed("cifar10", str(tmp_path))
    assert len(packed("cifar10", str(tmp_path), write=False).train) == 20


def test_a_failed_download_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: object, **kwargs: object) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr(torchvision.datasets, "CIFAR100", offline)
    with pytest.raises(RunError, match=r"dataset=cifar100: no arrays in .*cifar100 and the download failed \(Name"):
        packed("cifar100", str(tmp_path))
    assert not (tmp_path / "cifar100").exists()
