"""Features of clean images by an encoder in eval mode."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from contrastive_lab.augment import Recipe
from contrastive_lab.augment.ops import normalize_
from contrastive_lab.dataset import folder
from contrastive_lab.dataset.split import Files, Split
from contrastive_lab.encoder import Encoder
from contrastive_lab.evaluation.scores import Split as Labelled

Which = Literal["h", "z"]
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


def labelled_features(encoder: Encoder, split: Split, recipe: Recipe, which: Which = "h", workers: int = 0) -> Labelled:
    """Features of a split's clean images with their labels.

    Args:
        encoder: on any device; its mode is restored.
        split: n images with labels.
        recipe: its size and normalisation are used, no augmentation.
        which: "h", the backbone's features (n, F), or "z", the head's unit vectors (n, D).
        workers: processes that decode files.

    Returns:
        Features in float32 or better and labels, on the encoder's device.

    Raises:
        ValueError: if the split has no labels.
    """
    if split.labels is None:
        raise ValueError("this split has no labels")
    like = next(encoder.parameters())
    index = ("h", "z").index(which)
    with evaluating(encoder):
        parts = [
            cast(Tensor, encoder(clean(images.to(like.device), recipe, like.dtype))[index])
            for images in _clean_batches(split, recipe.size, workers)
        ]
    return Labelled(torch.cat(parts), split.labels.to(like.device))


def pixels(split: Split, recipe: Recipe, workers: int = 0) -> Labelled:
    """The normalised pixels of a split's images as features (n, 3 * S * S): what an encoder has to beat."""
    if split.labels is None:
        raise ValueError("this split has no labels")
    parts = [clean(images, recipe).flatten(1) for images in _clean_batches(split, recipe.size, workers)]
    return Labelled(torch.cat(parts), split.labels)


def clean(images: Tensor, recipe: Recipe, dtype: torch.dtype = torch.float32) -> Tensor:
    """Normalise without augmentation: uint8 (n, 1 or 3, S, S) -> (n, 3, S, S)."""
    colour = (images.to(dtype) / 255).expand(-1, 3, -1, -1).contiguous()
    return normalize_(colour, recipe.mean, recipe.std)


def _clean_batches(split: Split, size: int, workers: int) -> Iterator[Tensor]:
    """uint8 images (rows, C, S, S) in order."""
    starts = range(0, len(split), ROWS)
    if isinstance(split, Files):
        yield from DataLoader(_Centred(split, size), sampler=starts, batch_size=None, num_workers=workers)
        return
    for start in starts:
        images = torch.from_numpy(split.images[start : start + ROWS].copy()).permute(0, 3, 1, 2)
        if images.shape[-2:] != (size, size):
            resized = F.interpolate(images.float(), (size, size), mode="bilinear", antialias=True)
            images = resized.round().clamp(0, 255).to(torch.uint8)
        yield images


class _Centred(Dataset[Tensor]):
    """Central crops of files, a block of rows an item; decoded in workers."""

    def __init__(self, split: Files, size: int) -> None:
        self.split, self.size = split, size

    def __getitem__(self, start: int) -> Tensor:
        return folder.centre(self.split.paths[start : start + ROWS], self.size)
