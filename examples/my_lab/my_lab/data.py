"""Three data sets: arrays and texts that are made in memory, and a folder whose file names tell the classes."""

from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from contrastive_lab import Arrays, ConfigError, Files, Splits, from_texts, look_through

SIDE = 24  # pixels
TOPICS = ("stock bank market price", "game team coach goal", "orbit rocket planet moon")


def shapes(count: Annotated[int, Field(ge=8, description="number of images to learn from")] = 1024) -> Splits:
    """Discs, squares and crosses of random colour, place and size, uint8 (n, 24, 24, 3); a quarter more to test."""
    train, test = (_drawn(n, seed) for n, seed in ((count, 0), (count // 4, 1)))
    return Splits(pretrain=train, train=train, test=test)


def _drawn(n: int, seed: int) -> Arrays:
    source = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    centre, radius = source.uniform(7, SIDE - 7, (n, 2, 1, 1)), source.uniform(3, 6, (n, 1, 1))
    y, x = np.mgrid[:SIDE, :SIDE][:, None] - centre.transpose(1, 0, 2, 3)
    drawn = np.stack([x**2 + y**2 < radius**2, np.maximum(abs(x), abs(y)) < radius * 0.9,
                      (np.minimum(abs(x), abs(y)) < radius / 3) & (np.maximum(abs(x), abs(y)) < radius)])  # fmt: skip
    inside: NDArray[np.bool_] = drawn[labels, np.arange(n)]
    ink, paper = source.integers(0, 256, (2, n, 1, 1, 3))
    return Arrays(np.where(inside[..., None], ink, paper).astype(np.uint8), labels)


def named_files(root: str, workers: int = 1) -> Splits:
    """Images of a folder whose class is what their name has before the first _, e.g. cat_0007.png; each fifth tests.

    A ConfigError names files that cannot be read.
    """
    paths = sorted(path for path in Path(root).rglob("*_*") if path.suffix in (".png", ".jpg"))
    if not paths:
        raise ConfigError(f"dataset.root={root}: no images named <class>_<anything>.png or .jpg")
    names = [path.name.partition("_")[0] for path in paths]
    labels = np.unique(names, return_inverse=True)[1].astype(np.int64)
    tested = np.arange(len(paths)) % 5 == 4
    train, test = (Files([paths[i] for i in np.flatnonzero(rows)], labels[rows]) for rows in (~tested, tested))
    return Splits(train, train, test, tuple(look_through(paths, train.reader, workers)))


def sentences(count: Annotated[int, Field(ge=8, description="number of texts to learn from")] = 256) -> Splits:
    """Eight words of one of three topics and of none, in any order; a quarter more to test."""
    return from_texts(*(_written(n, seed) for n, seed in ((count, 0), (count // 4, 1))))


def _written(n: int, seed: int) -> list[tuple[str, int]]:
    source = np.random.default_rng(seed)
    drawn = [[*source.choice(TOPICS[i % 3].split(), 5), *source.choice(["the", "a", "of"], 3)] for i in range(n)]
    return [(" ".join(source.permutation(words)), i % 3) for i, words in enumerate(drawn)]
