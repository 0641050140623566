"""Any map-style dataset of images, as torchvision's are, or texts, as splits: what a plugin's yaml can name."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
import torchvision.transforms.v2.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from contrastive_lab.dataset.look import NAMED
from contrastive_lab.dataset.split import Arrays, Splits, Texts, check_classes, split_off
from contrastive_lab.dataset.text import tokens, vocabulary, word_ids
from contrastive_lab.errors import ConfigError, first_line


class Items(Protocol):
    """Pairs of an image, PIL's or a tensor, and a label, by number."""

    def __getitem__(self, index: int, /) -> tuple[Any, Any]:
        """The image and the label of a number."""

    def __len__(self) -> int:
        """How many there are."""


def from_datasets(
    train: Items, test: Items | None = None, val_fraction: float | None = None, val_seed: int = 0
) -> Splits:
    """Read all items of a dataset into memory as splits; names of classes are those of `train.classes`, if it has any.

    Images are PIL's, uint8 tensors (C, H, W), or floats of these in [0, 1], all of one size: augmentation is ours, so
    their transform should do no more than resize. Labels are whole numbers from 0. Without `test` that
    fraction of each class is `held_out` by `val_seed`.

    Raises:
        ConfigError: in a line for each item, up to 20 and a count, that cannot be read; if a test image is of a class
            that has no training images, or `classes` has fewer names than there are labels.
    """
    first, second = _arrays(train, "train"), None if test is None else _arrays(test, "test")
    if second is None and val_fraction is not None:
        first, second = split_off(first, val_fraction, val_seed)
    names = tuple(map(str, getattr(train, "classes", ())))
    splits = Splits(first, None if second is None else first, second, names=names)
    check_classes(splits, "test", "train.classes")
    return splits


def _arrays(items: Items, name: str) -> Arrays:
    images, labels, problems = list[NDArray[np.uint8]](), list[int](), list[str]()
    for number, found in enumerate(tqdm(_read(items), f"Reading {name}", len(items), delay=2)):
        if isinstance(found, str):
            problems.append(f"{name}[{number}]: {found}")
        elif images and found[0].shape != images[0].shape:
            problems.append(f"{name}[{number}]: {found[0].shape}, not {images[0].shape} as others; resize all alike")
        else:
            images.append(found[0])
            labels.append(found[1])
    if more := problems[NAMED:]:
        problems[NAMED:] = [f"{len(more)} more of {name} cannot be taken"]
    if problems or not images:
        raise ConfigError(*(problems or [f"{name}: holds no images"]))
    return Arrays(np.stack(images), np.array(labels, dtype=np.int64))


def _read(items: Items) -> Iterator[tuple[NDArray[np.uint8], int] | str]:
    """Each image (H, W, C) with its label, or what is wrong with it."""
    for number in range(len(items)):
        try:
            image, label = items[number]
            if int(label) != label or label < 0:
                raise ValueError(f"label {label}: labels are whole numbers from 0")
            yield _pixels(image), int(label)
        except Exception as error:  # whatever a user's code raises
            yield first_line(error)


def _pixels(image: Any) -> NDArray[np.uint8]:
    if isinstance(image, Image.Image):
        image = F.pil_to_tensor(image if image.mode in ("L", "RGB") else image.convert("RGB"))
    if not isinstance(image, Tensor) or image.ndim != 3 or len(image) not in (1, 3):
        raise ValueError(f"{type(image).__name__}: images are PIL's or tensors (1 or 3, H, W)")
    if image.is_floating_point():
        if not (image.min() >= 0 and image.max() <= 1):
            raise ValueError("floats outside 0 to 1; leave the normalisation out")
        image = (255 * image).round().to(torch.uint8)
    if image.dtype != torch.uint8:
        raise ValueError(f"{image.dtype}: tensors are uint8, or floats in [0, 1]")
    pixels: NDArray[np.uint8] = image.permute(1, 2, 0).contiguous().numpy()
    return pixels


def from_texts(
    train: Sequence[tuple[str, int]], test: Sequence[tuple[str, int]] | None = None, min_frequency: int = 5
) -> Splits:
    """Texts with their labels, whole numbers from 0, as splits of `Texts`, cut into words as `tokens` does.

    Words that occur less than `min_frequency` times in the training texts are left out. ConfigError if none is left, or
    a test text is of a class that has no training texts.
    """
    cut = [[tokens(text) for text, _ in part] for part in (train, test or ())]
    words = vocabulary(cut[0], min_frequency)
    if not words:
        raise ConfigError(f"no word occurs {min_frequency} times in the training texts; lower min_frequency")
    first, second = (
        Texts(word_ids(own, words), np.array([label for _, label in part], np.int64), words)
        for own, part in zip(cut, (train, test or ()), strict=True)
    )
    splits = Splits(first, first, None if test is None else second)
    check_classes(splits, "test", "classes", "texts")
    return splits
