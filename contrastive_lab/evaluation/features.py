"""Features of clean images or texts, and of their augmented views, by an encoder in eval mode, on its device."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import cast

import torch
from pytorch_lightning.utilities import move_data_to_device
from torch import Tensor, nn

from contrastive_lab import distributed
from contrastive_lab.augment import Recipe, TextRecipe
from contrastive_lab.dataset import Files, Splits, Texts, ViewsDataModule
from contrastive_lab.dataset.decode import centre
from contrastive_lab.dataset.split import Split, part, share, shares
from contrastive_lab.dataset.workers import decoded
from contrastive_lab.encoder import Encoder
from contrastive_lab.errors import ConfigError
from contrastive_lab.evaluation.scores import Split as Labelled
from contrastive_lab.evaluation.scores import is_large
from contrastive_lab.randomness import generator
from contrastive_lab.waiting import counted

ROWS = 500  # images or texts that are encoded at once
ITEM = 25  # images that a worker decodes at once: of 224 pixels they take 4 MB of /dev/shm


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Keep a module in eval mode and without gradient, then set every layer to the mode that it had."""
    modes = {layer: layer.training for layer in module.modules()}
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for layer, training in modes.items():
            layer.training = training


def probe_splits(splits: Splits) -> tuple[Split, Split]:
    """The training and the test images or texts of the probes; ValueError where there are none with labels."""
    train, test = splits.train, splits.test
    if train is None or test is None or train.labels is None or test.labels is None:
        raise ValueError("this data set has no labelled test images")
    return train, test


def labelled_features(
    encoder: Encoder, split: Split, recipe: Recipe | TextRecipe, which: str = "h", workers: int = 0
) -> Labelled:
    """Features of n images or texts with labels, ValueError without, at the recipe's size and normalisation.

    `which` is "h", the backbone's features (n, F), "z", the head's unit vectors (n, D), or "pixels", the normalised
    pixels (n, 3 * S * S), which an encoder has to beat; ConfigError for texts. `workers` processes decode files. They
    lie on the encoder's device, or in float16 in main memory where they are large.
    """
    if split.labels is None:
        raise ValueError("this split has no labels")
    batches, like = _batches(split, recipe, workers), next(encoder.parameters())
    if which == "pixels":
        if isinstance(split, Texts):
            raise ConfigError("evaluation.features=pixels: texts have none; use h or z")
        return Labelled(_joined((recipe.clean(rows).flatten(1) for rows in batches), len(split)), split.labels)
    index = ("h", "z").index(which)
    with evaluating(encoder):
        parts = (encoder(recipe.clean(rows.to(like.device), like.dtype))[index] for rows in batches)
        return Labelled(_joined(parts, len(split)), split.labels.to(like.device))


def shared_features(
    encoder: Encoder, data: ViewsDataModule, which: str, first_alone: bool = False
) -> tuple[Labelled, Labelled]:
    """`labelled_features` of the probes' training and test images; each process encodes its share of both.

    All processes have them all, or with `first_alone` the others keep their own ones.
    """
    train, test = (
        everywhere(labelled_features(encoder, share(split), data.recipe, which, data.workers), len(split), first_alone)
        for split in probe_splits(data.splits)
    )
    return train, test


def everywhere(own: Labelled, n: int, first_alone: bool = False) -> Labelled:
    """The features and labels of all processes' `shares` of n rows, in their order, in all of them.

    With `first_alone` the other processes keep their own ones.
    """
    if len(own.labels) == n:
        return own
    device = own.labels.device  # large features lie in main memory, where not all backends gather
    distributed.meet(device)
    here = distributed.is_first() or not first_alone
    where = _where(n, own.features)
    features = torch.empty(n, own.features.shape[1], dtype=where[0], device=where[1]) if here else own.features
    labels = torch.empty(n, dtype=own.labels.dtype, device=device) if here else own.labels
    for to, rows in ((features, own.features), (labels, own.labels)):
        for at, part_of_all in _gathered(rows, n, device):
            if here:
                to[at] = part_of_all
    return Labelled(features, labels)


def _gathered(own: Tensor, n: int, device: torch.device) -> Iterator[tuple[slice, Tensor]]:
    """Where in n rows some lie, and these rows, a block of each process after the other."""
    parts = shares(n)
    most = max(its.stop - its.start for its in parts)
    for start in range(0, most, ROWS):
        block = own[start : start + ROWS].to(device)
        size = min(ROWS, most - start)
        every = distributed.gather(torch.cat([block, block.new_zeros(size - len(block), *own.shape[1:])]))
        for rows, its in zip(every.split(size), parts, strict=True):
            at = slice(its.start + start, min(its.start + start + size, its.stop))
            yield at, rows[: at.stop - at.start]


def _where(n: int, like: Tensor) -> tuple[torch.dtype, torch.device]:
    """Type and device of n rows of features like some others."""
    return (torch.float16, torch.device("cpu")) if is_large(n, like.shape[1]) else (like.dtype, like.device)


def _joined(parts: Iterator[Tensor], n: int) -> Tensor:
    """The n rows of all parts, each copied to where it stays as soon as it is there."""
    first, start = next(parts), 0
    where = _where(n, first)
    whole = torch.empty(n, first.shape[1], dtype=where[0], device=where[1])
    for rows in itertools.chain([first], parts):
        whole[start : start + len(rows)] = rows
        start += len(rows)
    return whole


def _batches(split: Split, recipe: Recipe | TextRecipe, workers: int) -> Iterator[Tensor]:
    """What the recipe's `clean` takes, in order: uint8 images (rows, C, H, W), or words (rows, L)."""
    return counted(_read(split, recipe, workers), "features, batch", -(-len(split) // ROWS))


def _read(split: Split, recipe: Recipe | TextRecipe, workers: int) -> Iterator[Tensor]:
    if isinstance(split, Files):
        paths = [split.paths[rows] for rows in _blocks(split, ITEM)]
        items = decoded(paths, partial(centre, split.reader, size=cast(Recipe, recipe).size), workers)
        while block := [item.clone() for item in itertools.islice(items, ROWS // ITEM)]:  # a copy leaves /dev/shm
            yield torch.cat(block)
    else:
        yield from (split.tensor("cpu", rows) for rows in _blocks(split, ROWS))


def _blocks(split: Split, rows: int) -> list[slice]:
    return [slice(start, start + rows) for start in range(0, len(split), rows)]


def encoded_views(
    encoder: Encoder, data: ViewsDataModule, epoch: int
) -> Iterator[tuple[Tensor, list[Tensor], list[Tensor]]]:
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
