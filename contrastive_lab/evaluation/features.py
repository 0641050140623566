"""Features of clean images or texts by an encoder in eval mode."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from contrastive_lab.augment import Recipe, TextRecipe
from contrastive_lab.dataset import folder
from contrastive_lab.dataset.split import Files, Split, Splits, Texts
from contrastive_lab.encoder import Encoder
from contrastive_lab.errors import ConfigError
from contrastive_lab.evaluation.scores import Split as Labelled

Which = Literal["h", "z", "pixels"]
ROWS = 500


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module into eval mode for a while, without gradient, and every part of it back as it was."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, training in modes.items():
            part.training = training


def probe_splits(splits: Splits) -> tuple[Split, Split]:
    """The training and the test images or texts of the probes; ValueError where there are none with labels."""
    train, test = splits.train, splits.test
    if train is None or test is None or train.labels is None or test.labels is None:
        raise ValueError("this data set has no labelled test images")
    return train, test


def labelled_features(
    encoder: Encoder, split: Split, recipe: Recipe | TextRecipe, which: Which = "h", workers: int = 0
) -> Labelled:
    """Features of a split's clean images or texts with their labels.

    Args:
        encoder: on any device, which the result is on, too; its mode is restored.
        split: n images or texts with labels; ValueError without.
        recipe: its size and normalisation are used, no augmentation.
        which: "h", the backbone's features (n, F), "z", the head's unit vectors (n, D), or "pixels", the normalised
            pixels (n, 3 * S * S), which an encoder has to beat; ConfigError for texts.
        workers: processes that decode files.
    """
    if split.labels is None:
        raise ValueError("this split has no labels")
    batches, like = _batches(split, recipe, workers), next(encoder.parameters())
    if which == "pixels":
        if isinstance(split, Texts):
            raise ConfigError("evaluation.features=pixels: texts have none; use h or z")
        return Labelled(torch.cat([recipe.clean(rows).flatten(1) for rows in batches]), split.labels)
    index = ("h", "z").index(which)
    with evaluating(encoder):
        parts = [encoder(recipe.clean(rows.to(like.device), like.dtype))[index] for rows in batches]
    return Labelled(torch.cat(parts), split.labels.to(like.device))


def _batches(split: Split, recipe: Recipe | TextRecipe, workers: int) -> Iterator[Tensor]:
    """What the recipe's `clean` takes, in order: uint8 images (rows, C, H, W), or words (rows, L)."""
    starts = range(0, len(split), ROWS)
    if isinstance(split, Files):
        centred = _Centred(split, cast(Recipe, recipe).size)
        yield from DataLoader(centred, sampler=starts, batch_size=None, num_workers=workers)
    else:
        yield from (split.tensor("cpu", slice(start, start + ROWS)) for start in starts)


class _Centred(Dataset[Tensor]):
    """Central crops of files, a block of rows an item; decoded in workers."""

    def __init__(self, split: Files, size: int) -> None:
        self.split, self.size = split, size

    def __getitem__(self, start: int) -> Tensor:
        return folder.centre(self.split.paths[start : start + ROWS], self.size)
