"""Features of augmented views of images or texts, the encoder in eval mode, on the device that it is on."""

import itertools
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

Encoded = tuple[Tensor, list[Tensor], list[Tensor]]


def encoded_views(encoder: Encoder, data: ViewsDataModule, epoch: int) -> Iterator[Encoded]:
    """The numbers (n,), features h and unit vectors z of each batch of an epoch, a tensor for each view of h and z."""
    like = next(encoder.parameters())
    for position in data.positions(epoch):
        batch = data.batch(move_data_to_device(position, like.device), like.dtype)
        with evaluating(encoder):
            features, vectors = encoder.forward_views(batch.views)
        yield batch.ids, features, vectors


def view_pairs(encoder: Encoder, split: Split, data: ViewsDataModule, seed: int, purpose: str) -> Iterator[Tensor]:
    """Unit features (2, n, D) of two new augmented views of all n images or texts, in their order, without end.

    The recipe of `data` makes the views; the same seed and purpose give the same ones.
    """
    like, recipe = next(encoder.parameters()), replace(data.recipe, small_views=0)
    whole, blocks = len(split) - len(split) % ROWS, {}  # a part of whole batches and the rest: no image is left out
    for start, block in ((0, part(split, slice(whole))), (whole, part(split, slice(whole, None)))):
        if len(block):
            own, N = generator(seed, "bounds", purpose, start).initial_seed(), min(ROWS, len(block))
            splits = Splits(block, None, None)
            blocks[start] = ViewsDataModule(splits, recipe, N, own, workers=data.workers, alone=True)
    for epoch in itertools.count():
        z = torch.empty(2, len(split), encoder.dim, dtype=like.dtype, device=like.device)
        for start, images in blocks.items():
            for ids, _, found in encoded_views(encoder, images, epoch):
                z[:, start + ids] = torch.stack(found)
        yield z
