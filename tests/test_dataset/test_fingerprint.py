"""A data set is told from another by what is in it."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contrastive_lab.dataset import Arrays, Splits, data_hash, image_folder

IMAGES = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)


def splits(images: np.ndarray = IMAGES, labels: tuple[int, ...] = (0, 1), test: np.ndarray | None = None) -> Splits:
    train = Arrays(images, np.array(labels))
    return Splits(train, train, train if test is None else Arrays(test, np.array(labels)))


def test_arrays_are_told_apart_by_values_shape_and_labels() -> None:
    known = data_hash(splits())
    assert known.startswith("2-") and len(known) == 2 + 12
    assert data_hash(splits(IMAGES.copy())) == known
    others = [
        splits(IMAGES[::-1]),
        splits(IMAGES.reshape(2, 2, 8, 3)),
        splits(labels=(1, 0)),
        splits(test=IMAGES + 1),
        splits(IMAGES[:1], (0,)),
    ]
    assert len({known, *map(data_hash, others)}) == 6


@pytest.fixture
def root(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0)
    for name in ("train/a/1", "train/b/2", "val/a/3", "val/b/4"):
        path = tmp_path / "D" / f"{name}.png"
        path.parent.mkdir(parents=True)
        Image.fromarray(noise.integers(0, 256, (8, 8, 3), np.uint8)).save(path)
    return tmp_path / "D"


def test_a_folder_may_be_moved_and_not_changed(root: Path) -> None:
    known = data_hash(image_folder(str(root)))
    moved = root.rename(root.with_name("elsewhere"))
    assert data_hash(image_folder(str(moved))) == known
    shutil.copy(moved / "train" / "a" / "1.png", moved / "train" / "a" / "5.png")
    more = data_hash(image_folder(str(moved)))
    assert more != known and more.startswith("3-")
    (moved / "train" / "a" / "5.png").rename(moved / "train" / "b" / "5.png")
    assert data_hash(image_folder(str(moved))) not in (known, more)
