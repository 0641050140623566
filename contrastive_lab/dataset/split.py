"""A split of a data set: images as one array or as files, or texts."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from contrastive_lab import distributed

ALL = slice(None)


class Arrays:
    """Images in memory or in a memory-mapped file.

    Args:
        images: uint8 (n, H, W, C) with C = 1 or 3.
        labels: int64 (n,) from 0, or None.

    Raises:
        ValueError: on other shapes or types.
    """

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


def _labels(labels: NDArray[np.int64], n: int, kind: str) -> Tensor:
    if labels.shape != (n,):
        raise ValueError(f"{n} {kind} have {n} labels, not {labels.shape}")
    return torch.from_numpy(np.array(labels, dtype=np.int64))


class Texts:
    """Texts as ids of words, in memory or in a memory-mapped file.

    Args:
        words: int32 (n, L), ids 1 to V in the order of each text, then zeros.
        labels: int64 (n,) from 0.
        vocabulary: the V words.

    Raises:
        ValueError: on other shapes or types.
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


class Files:
    """Images as files `paths`, with `labels` from 0 or None."""

    def __init__(self, paths: Sequence[Path], labels: Sequence[int] | None = None) -> None:
        self.paths, self.labels = list(paths), None if labels is None else torch.tensor(list(labels))

    def __len__(self) -> int:
        return len(self.paths)


Split = Arrays | Files | Texts


def part(split: Split, rows: slice) -> Split:
    """Some consecutive rows of a split, with their labels."""
    labels = None if split.labels is None else split.labels[rows]
    if isinstance(split, Files):
        return Files(split.paths[rows], None if labels is None else labels.tolist())
    if isinstance(split, Texts):
        return Texts(split.words[rows], split.labels[rows].numpy(), split.vocabulary)
    return Arrays(split.images[rows], None if labels is None else labels.numpy())


def share(split: Split) -> Split:
    """The rows that this process scores; all of them in every process where there are fewer rows than processes."""
    n, rank, world = len(split), distributed.rank(), distributed.world_size()
    return split if n < world or world == 1 else part(split, slice(n * rank // world, n * (rank + 1) // world))


class Splits(NamedTuple):
    """`pretrain` is what the encoder learns from; `train` and `test` are for the probes, None without labels."""

    pretrain: Split
    train: Split | None
    test: Split | None

    @property
    def classes(self) -> int:
        """Number of classes C of the probes' labels; 0 where there is nothing to probe."""
        if self.train is None or self.test is None or self.train.labels is None:
            return 0
        return int(self.train.labels.max()) + 1
