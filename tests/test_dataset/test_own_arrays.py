"""A user's own arrays: what is read of a folder, and what is refused."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contrastive_lab.dataset import own_arrays
from contrastive_lab.errors import ConfigError

NOISE = np.random.default_rng(0)


def images(n: int, *shape: int) -> np.ndarray:
    return NOISE.integers(0, 256, (n, *shape), np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., str]:
    """Write arrays: `folder(train_images=..., train_labels=...)`."""

    def write(**arrays: Any) -> str:
        for name, array in arrays.items():
            np.save(tmp_path / f"{name}.npy", np.asarray(array))
        return str(tmp_path)

    return write


def test_arrays_are_mapped_with_their_labels(folder: Callable[..., str]) -> None:
    colour, grey = images(6, 5, 4, 3), images(2, 5, 4, 3)
    splits = own_arrays(
        folder(
            train_images=colour,
            train_labels=[0, 1, 2, 0, 1, 2],
            test_images=grey,
            test_labels=np.array([2, 0], np.uint8),
            classes=["cat", "dog", "eel"],
        )
    )
    assert isinstance(splits.pretrain.images, np.memmap)
    assert np.array_equal(splits.train.images, colour) and np.array_equal(splits.test.images, grey)
    assert (splits.train.labels.tolist(), splits.test.labels.tolist()) == ([0, 1, 2, 0, 1, 2], [2, 0])
    assert (splits.names, splits.notices, splits.probed) == (("cat", "dog", "eel"), (), True)


def test_images_alone_are_pretrained_on(folder: Callable[..., str]) -> None:
    splits = own_arrays(root := folder(train_images=images(6, 5, 4)))
    assert splits.pretrain.images.shape == (6, 5, 4, 1)
    assert (splits.classes, splits.probed) == (0, False)
    assert splits.notices == (f"no labels: no train_labels.npy in {root}",)
    folder(train_labels=[0, 1] * 3)
    assert own_arrays(root).notices[0].endswith("dataset.val_fraction=0.1 holds out a tenth")
    folder(unlabeled_images=images(9, 5, 4))
    assert len(own_arrays(root).pretrain) == 9


def test_a_share_of_each_class_is_held_out(folder: Callable[..., str]) -> None:
    whole = images(40, 5, 4, 3)
    root = folder(train_images=whole, train_labels=np.arange(40) % 2)
    splits = own_arrays(root, 0.25)
    assert (len(splits.pretrain), splits.test.labels.bincount().tolist()) == (30, [5, 5])
    both = np.concatenate([splits.train.images, splits.test.images])
    assert sorted(image.tobytes() for image in both) == sorted(image.tobytes() for image in whole)
    assert np.array_equal(own_arrays(root, 0.25).test.images, splits.test.images)
    assert not np.array_equal(own_arrays(root, 0.25, 1).test.images, splits.test.images)


LABELS = np.arange(6) % 2
WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "dataset.root=.*: no train_images.npy in it"),
    (
        {"train_images": np.array([{"a": 1}], dtype=object)},
        "train_images.npy: holds Python objects, which are not read",
    ),
    ({"train_images": np.zeros((6, 5, 4, 3))}, r"train_images.npy: images are uint8 .* not float64 \(6, 5, 4, 3\)"),
    ({"train_images": np.zeros((6, 3, 5, 4), np.uint8)}, r"train_images.npy: images are uint8 .*\(6, 3, 5, 4\)"),
    ({"train_images": np.zeros((0, 5, 4, 3), np.uint8)}, "train_images.npy: holds no images"),
    ({"train_images": images(6, 5, 4, 3), "train_labels": LABELS[:5]}, r"6 images have 6 labels, not \(5,\)"),
    ({"train_images": images(6, 5, 4, 3), "train_labels": LABELS - 1}, "train_labels.npy: .*whole numbers from 0"),
    ({"train_images": images(6, 5, 4, 3), "train_labels": LABELS / 2}, "train_labels.npy: holds float64; labels are"),
    ({"train_images": images(6, 5, 4), "test_images": images(6, 5, 4)}, "test_labels.npy: is not there, and test_im"),
    (
        {"train_images": images(6, 5, 4), "test_images": images(6, 5, 4), "test_labels": LABELS},
        "train_labels.npy: is not there, and test_labels.npy is",
    ),
    (
        {
            "train_images": images(6, 5, 4),
            "train_labels": LABELS,
            "test_images": images(6, 5, 4),
            "test_labels": LABELS + 1,
        },
        "test_labels.npy: class 2 has no training images",
    ),
    (
        {"train_images": images(6, 5, 4), "train_labels": LABELS, "classes": ["cat"]},
        "classes.npy: 1 names of 2 classes",
    ),
]


@pytest.mark.parametrize(("arrays", "told"), WRONG)
def test_what_is_wrong_is_one_line_with_the_file(arrays: dict[str, Any], told: str, folder: Callable[..., str]) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        own_arrays(folder(**arrays))
    assert len(caught.value.problems) == 1 and "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no array", pickle.dumps(np.zeros(3)), "cut"], ids=str)
def test_a_file_that_is_no_array_is_named(content: bytes | str, folder: Callable[..., str]) -> None:
    path = Path(folder(train_images=images(6, 5, 4, 3))) / "train_images.npy"
    path.write_bytes(path.read_bytes()[:-10] if isinstance(content, str) else content)
    with pytest.raises(ConfigError, match=r"train_images.npy: .*; save one array of numbers with numpy.save"):
        own_arrays(str(path.parent))


def test_what_cannot_be_split_is_told(folder: Callable[..., str]) -> None:
    root = folder(train_images=images(6, 5, 4))
    with pytest.raises(ConfigError, match=r"dataset.val_fraction=0.1: no labels: no train_labels.npy"):
        own_arrays(root, 0.1)
    folder(train_labels=LABELS, test_images=images(2, 5, 4), test_labels=[0, 1])
    with pytest.raises(ConfigError, match=r"dataset.val_fraction=0.1: .* has test_images.npy"):
        own_arrays(root, 0.1)
