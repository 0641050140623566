"""What every protocol takes and gives: labelled features in, accuracies in percent out.

Letters: n examples, D dimensions, C classes. Labels are 0..C-1, and C is read off the training labels.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Split(NamedTuple):
    """Features of a data set and what they show.

    Args:
        features: (n, D), finite numbers.
        labels: (n,) whole numbers in 0..C-1.
    """

    features: Tensor
    labels: Tensor


class Scores(NamedTuple):
    """Accuracies in percent.

    Args:
        top1: share of examples whose class has the highest score.
        top5: share of examples whose class is among the min(5, C) highest scores.
    """

    top1: float
    top5: float


def topk(scores: Tensor, labels: Tensor) -> Scores:
    """Top-1 and top-5 accuracy of class scores.

    Ties are broken by chance, and the expected accuracy is returned: where the own class shares its place with others,
    the example counts by the share of their orders that put it among the first k. So a constant score gets
    100 / C percent, and the result does not depend on how classes are numbered.

    Args:
        scores: (n, C), higher is better.
        labels: (n,) whole numbers in 0..C-1.

    Returns:
        Accuracies in percent.

    Raises:
        ValueError: on other shapes, no examples, labels outside 0..C-1 or NaN scores.
    """
    if scores.ndim != 2 or labels.shape != scores.shape[:1] or scores.numel() == 0:
        raise ValueError(f"scores (n, C) and labels (n,) are needed, not {_shape(scores)} and {_shape(labels)}")
    if scores.isnan().any():
        raise ValueError("scores hold NaN")
    _check_labels(labels, scores.shape[1], "topk")
    own = scores.gather(1, labels.long()[:, None])
    above = (scores > own).sum(1).cpu().double()
    level = (scores == own).sum(1).cpu().double()  # the own class is one of them
    top1, top5 = (100 * float(((k - above) / level).clamp(0, 1).sum()) / len(labels) for k in (1, 5))
    return Scores(top1, top5)


def checked(train: Split, test: Split, classes: int | None = None) -> tuple[Split, Split, int]:
    """Both splits in one dtype, at least float32, and the number of classes C.

    Args:
        train: training split.
        test: test split.
        classes: C; None means the largest training label + 1. The test labels never widen it.

    Returns:
        The training split, the test split and C.

    Raises:
        ValueError: on other shapes, empty splits, features that are not finite or labels outside 0..C-1.
    """
    for name, split in (("training", train), ("test", test)):
        _check_features(split, name)
    if train.features.shape[1] != test.features.shape[1]:
        raise ValueError(f"training features have {train.features.shape[1]} dimensions, test {test.features.shape[1]}")
    classes = int(train.labels.max()) + 1 if classes is None else classes
    _check_labels(train.labels, classes, "training")
    _check_labels(test.labels, classes, "test")
    common = torch.promote_types(train.features.dtype, test.features.dtype)
    dtype = torch.promote_types(common, torch.float32)
    first, second = (Split(split.features.to(dtype), split.labels.long()) for split in (train, test))
    return first, second, classes


def _check_features(split: Split, name: str) -> None:
    features, labels = split
    if features.ndim != 2 or labels.shape != features.shape[:1]:
        raise ValueError(f"{name} features (n, D) and labels (n,) are needed, not {_shape(features)}, {_shape(labels)}")
    if features.numel() == 0:
        raise ValueError(f"the {name} split is empty: features {_shape(features)}")
    if not features.isfinite().all():
        raise ValueError(f"{name} features hold NaN or infinite numbers")


def _check_labels(labels: Tensor, classes: int, name: str) -> None:
    if labels.is_floating_point():
        raise ValueError(f"{name} labels must be whole numbers, not {labels.dtype}")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise ValueError(f"{name} labels must lie in 0..{classes - 1}, but go from {low} to {high}")


def _shape(x: Tensor) -> tuple[int, ...]:
    return tuple(x.shape)
