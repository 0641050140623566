"""Features of new augmented views of every image of a split, as often as they are asked for."""

from collections.abc import Iterator
from dataclasses import replace

import torch
from pytorch_lightning.utilities import move_data_to_device
from torch import Tensor

from contrastive_lab.dataset import Splits, ViewsDataModule
from contrastive_lab.dataset.split import Split, part
from contrastive_lab.encoder import Encoder
from contrastive_lab.evaluation.features import ROWS, evaluating
from contrastive_lab.randomness import generator


def view_pairs(encoder: Encoder, split: Split, data: ViewsDataModule, seed: int, purpose: str) -> Iterator[Tensor]:
    """Unit features of two new augmented views of every image, in the order of the split, without end.

    Args:
        encoder: on any device; its mode is restored.
        split: n images or texts.
        data: whose recipe makes the views.
        seed: of the views.
        purpose: what they are for; the same seed and purpose give the same views.

    Yields:
        (2, n, D), on the encoder's device.
    """
    like = next(encoder.parameters())
    recipe = replace(data.recipe, small_views=0)
    blocks = []
    for start, block in _blocks(split):
        own, rows = generator(seed, "bounds", purpose, start).initial_seed(), min(ROWS, len(block))
        images = ViewsDataModule(Splits(block, None, None), recipe, rows, own, workers=data.workers, alone=True)
        blocks.append((start, images))
    epoch = 0
    while True:
        z = torch.empty(2, len(split), encoder.dim, dtype=like.dtype, device=like.device)
        for start, images in blocks:
            for position in images.positions(epoch):
                batch = images.batch(move_data_to_device(position, like.device), like.dtype)
                with evaluating(encoder):
                    _, found = encoder.forward_views(batch.views)
                z[:, start + batch.ids] = torch.stack(found)
        yield z
        epoch += 1


def _blocks(split: Split) -> Iterator[tuple[int, Split]]:
    """A split as a first part of whole batches and the rest, each with its start: so every image gets its views."""
    whole = len(split) - len(split) % ROWS
    for start, end in ((0, whole), (whole, len(split))):
        if start < end:
            yield start, part(split, slice(start, end))
