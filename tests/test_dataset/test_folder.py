"""Folders of images: which have labels."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from contrastive_lab.dataset import image_folder
from contrastive_lab.errors import RunError


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
