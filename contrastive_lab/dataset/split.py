"""A split of a data set: images as one array or as files, or texts.

Letters: n images or texts. Labels are whole numbers from 0, int64 (n,); arrays of another shape or type are a
ValueError.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from contrastive_lab import distributed
from contrastive_lab.dataset.decode import Decodes, Reader
from contrastive_lab.errors import ConfigError
from contrastive_lab.randomness import generator

ALL = slice(None)
DEFAULT_READER = Reader()


class Arrays:
    """Images in memory or in a memory-mapped file: uint8 (n, H, W, C) with C = 1 or 3."""

    def __init__(self, images: NDArray[np.uint8], labels: NDArray[np.int64] | None = None) -> None:
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
            raise ValueError(f"images are uint8 (n, H, W, 1 or 3), not {images.dtype} {images.shape}")
        self.images = images
        self.labels = None if labels is None else _labels(labels, len(images), "images")

    def __len__(self) -> int:
        return len(self.images)

    def tensor(self, device: torch.device | str, rows: slice = ALL) -> Tensor:
        """Images as one uint8 tensor (n, C, H, W) on the device."""
        # np.array copies: a memory-mapped file is read-only, and torch warns about that.
        return torch.from_numpy(np.array(self.images[rows])).to(device).permute(0, 3, 1, 2).contiguous()

    def take(self, rows: NDArray[np.int64]) -> Self:
        """Some images with their labels, copied into memory."""
        return type(self)(self.images[rows], None if self.labels is None else self.labels.numpy()[rows])


def _labels(labels: NDArray[np.int64], n: int, kind: str) -> Tensor:
    if labels.shape != (n,):
        raise ValueError(f"{n} {kind} have {n} labels, not {labels.shape}")
    return torch.from_numpy(np.array(labels, dtype=np.int64))


class Texts:
    """Texts in memory or in a memory-mapped file: int32 (n, L), ids 1 to V of a text's words in order, then zeros.

    The vocabulary has the V words.
    """

    def __init__(self, words: NDArray[np.int32], labels: NDArray[np.int64], vocabulary: Sequence[str]) -> None:
        if words.dtype != np.int32 or words.ndim != 2:
            raise ValueError(f"words are int32 (n, L), not {words.dtype} {words.shape}")
        self.words, self.vocabulary, self.labels = words, vocabulary, _labels(labels, len(words), "texts")

    def __len__(self) -> int:
        return len(self.words)

    def tensor(self, device: torch.device | str, rows: slice = ALL) -> Tensor:
        """Texts as one int32 tensor (n, L) on the device."""
        return torch.from_numpy(np.array(self.words[rows])).to(device)

    def take(self, rows: NDArray[np.int64]) -> Self:
        """Some texts with their labels, copied into memory."""
        return type(self)(self.words[rows], self.labels.numpy()[rows], self.vocabulary)


class Files:
    """Images as files, which `reader` decodes."""

    def __init__(
        self,
        paths: Sequence[Path],
        labels: Sequence[int] | NDArray[np.int64] | None = None,
        reader: Decodes = DEFAULT_READER,
    ) -> None:
        self.paths, self.labels = list(paths), None if labels is None else torch.as_tensor(labels)
        self.reader = reader

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, rows: NDArray[np.int64]) -> Self:
        """Some images with their labels."""
        labels = None if self.labels is None else self.labels.numpy()[rows]
        return type(self)([self.paths[row] for row in rows.tolist()], labels, self.reader)


Split = Arrays | Files | Texts
Labelled = TypeVar("Labelled", Arrays, Files)


def part(split: Split, rows: slice) -> Split:
    """Some consecutive rows of a split, with their labels."""
    if isinstance(split, Texts):
        return Texts(split.words[rows], split.labels[rows].numpy(), split.vocabulary)
    labels = None if split.labels is None else split.labels[rows].numpy()
    if isinstance(split, Files):
        return Files(split.paths[rows], labels, split.reader)
    return Arrays(split.images[rows], labels)


def held_out(labels: Sequence[int] | NDArray[np.int64], fraction: float, seed: int) -> NDArray[np.bool_]:
    """Which of n examples are kept for testing, (n,): `fraction` of each class, rounded, at least one and never all.

    A class's examples are chosen by the seed and its label, whatever the other classes have.
    """
    own, kept = np.asarray(labels), np.zeros(len(labels), dtype=bool)
    for label in np.unique(own).tolist():
        rows = np.flatnonzero(own == label)
        order = torch.randperm(len(rows), generator=generator(seed, "held out", label)).numpy()
        kept[rows[order[: min(max(round(fraction * len(rows)), 1), len(rows) - 1)]]] = True
    return kept


def split_off(whole: Labelled, fraction: float, seed: int) -> tuple[Labelled, Labelled]:
    """The labelled images that are left to train on, and those that are `held_out`."""
    assert whole.labels is not None
    kept = held_out(whole.labels.numpy(), fraction, seed)
    train, test = (whole.take(np.flatnonzero(rows)) for rows in (~kept, kept))
    return train, test


def share(split: Split) -> Split:
    """The rows that this process scores; all of them in every process where there are fewer rows than processes."""
    return part(split, shares(len(split))[distributed.rank()])


def shares(n: int) -> list[slice]:
    """Which of n rows each process scores, see `share`."""
    world = distributed.world_size()
    if n < world:
        return [slice(0, n)] * world
    return [slice(n * rank // world, n * (rank + 1) // world) for rank in range(world)]


class Splits(NamedTuple):
    """`pretrain` is what the encoder learns from; `train` and `test` are for the probes, None without labels.

    `notices` are what a user should know of them, a line each; `names` those of the classes in the order of the labels,
    none where they are not known; `skipped` files could not be read and are in none of the splits. `labelled` are the
    numbers of those images of `train` that are left of it where a share of the labels was asked for, None for all.
    """

    pretrain: Split
    train: Split | None
    test: Split | None
    notices: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    skipped: int = 0
    labelled: Tensor | None = None

    @property
    def classes(self) -> int:
        """Number of classes C of the labels; 0 without any."""
        labels = [part.labels for part in (self.train, self.pretrain) if part is not None and part.labels is not None]
        return int(labels[0].max()) + 1 if labels else 0

    @property
    def probed(self) -> bool:
        """Whether there are labels to train a probe with and others to test it with."""
        return all(part is not None and part.labels is not None for part in (self.train, self.test))


def check_classes(splits: Splits, tested: object, named: object, kind: str = "images") -> None:
    """Check that each test example is of a class that is trained on, and that each class has a name or none has.

    `tested` and `named` are where the labels of the tests and the names are from, and `kind` is what they are of.

    Raises:
        ConfigError: in a line that begins with where what is wrong is from.
    """
    if splits.test is not None and splits.train is not None:
        known, own = (np.unique(np.asarray(part.labels)) for part in (splits.train, splits.test))
        if len(other := np.setdiff1d(own, known)):
            raise ConfigError(f"{tested}: class {other[0]} has no training {kind}")
    if splits.names and len(splits.names) < splits.classes:
        told = f"{len(splits.names)} names of {splits.classes} classes"
        raise ConfigError(f"{named}: {told}; a name for each label is needed")
