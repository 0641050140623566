"""Few labels: a share of the labelled images, as many of each class, as a function of the seed.

Chen et al. 2020 (SimCLR), App. B.5, sample 1 % and 10 % of ImageNet so. Letters: n images, C classes.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from contrastive_lab.dataset.split import Files, Splits
from contrastive_lab.randomness import generator


def balanced(counts: Sequence[int], share: float) -> list[int]:
    """How many images of each class are taken of so many: share * n / C, at least 1, and all of a class with fewer."""
    each = max(1, _of_each(share, sum(counts), len(counts)))
    return [min(count, each) for count in counts]


def _of_each(share: float, n: int, classes: int) -> int:
    return round(share * n / max(1, classes))


def labelled(labels: Tensor, share: float, seed: int) -> Tensor:
    """The numbers of the images that are taken of those with `labels` (n,), in ascending order; all at a share of 1.

    Of each class they are the first ones of an order that depends on the seed alone: a smaller share is a part of a
    greater one.
    """
    if share == 1:
        return torch.arange(len(labels))
    chosen = []
    for name, count in enumerate(balanced(labels.bincount().tolist(), share)):
        members = (labels == name).nonzero().flatten()
        chosen.append(members[torch.randperm(len(members), generator=generator(seed, "labels", name))[:count]])
    return torch.cat(chosen).sort().values


def with_labels(splits: Splits, share: float, seed: int) -> Splits:
    """The same with the `labelled` of the probes' training images to learn from, and nothing else to train on.

    ValueError where there are none with labels.
    """
    if splits.train is None or splits.train.labels is None:
        raise ValueError("this data set has no labelled images")
    numbers = labelled(torch.as_tensor(splits.train.labels), share, seed)
    few = splits.train.take(numbers.numpy())
    notices = splits.notices
    if _of_each(share, len(splits.train), splits.classes) < 1:
        least = f"{len(numbers)} of {len(splits.train):,} images, one of each class, are the least"
        notices += (f"labels={share:g}: {least}",)
    return splits._replace(pretrain=few, train=few, labelled=numbers, notices=notices)


def rows(splits: Splits) -> Iterator[dict[str, Any]]:
    """The labelled images that were taken: the number of each among the training images, its label, and its file."""
    few, numbers = splits.pretrain, splits.labelled
    assert numbers is not None and few.labels is not None
    for i, (number, label) in enumerate(zip(numbers.tolist(), few.labels.tolist(), strict=True)):
        yield {"image": number, "label": label} | ({"file": few.paths[i]} if isinstance(few, Files) else {})
