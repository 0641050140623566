"""What every protocol takes and gives: labelled features in, accuracies in percent out.

Letters: n examples, D dimensions, C classes. Labels are whole numbers in 0..C-1, and C is read off the training labels
where it is not given. A ValueError names what has another shape, is empty, not finite or out of range.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor
from torchmetrics import Metric

LARGE = 2**28  # numbers, 1 GiB in float32: features of more are kept in float16 in main memory, and taken in blocks


class Split(NamedTuple):
    """Features (n, D) and labels (n,) of a data set; what is computed from large ones is so where the labels are."""

    features: Tensor
    labels: Tensor


def is_large(n: int, dim: int) -> bool:
    """Whether features (n, D) are too many to be held in single precision beside the encoder."""
    return n * dim > LARGE


def blocks(split: Split) -> Iterator[Split]:
    """The examples in their order: all at once, or, of a large split, a few at a time in float32 at the labels."""
    if not is_large(*split.features.shape):
        yield split
        return
    rows = max(LARGE // (8 * split.features.shape[1]), 1)
    for features, labels in zip(split.features.split(rows), split.labels.split(rows), strict=True):
        yield Split(features.to(labels.device, torch.float32), labels)


@dataclass(frozen=True)
class Scores:
    """Percent of examples whose class has the highest score, and whose class is among the min(5, C) highest.

    `right` (n,), where known, is true for examples whose class has the highest score; of equal ones the lowest number.
    """

    top1: float
    top5: float
    right: Tensor | None = field(default=None, repr=False, compare=False)


class TopK(Metric):
    """`topk` summed in float64 over batches and, where `sync_on_compute` is left on, over processes.

    torchmetrics' own accuracy gives a tie to the class of the lowest number.
    """

    hits: Tensor
    count: Tensor

    def __init__(self, sync_on_compute: bool = True) -> None:
        super().__init__(sync_on_compute=sync_on_compute)
        self.add_state("hits", torch.zeros(2, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, scores: Tensor, labels: Tensor) -> None:
        """Add scores (n, C) and labels (n,)."""
        own = scores.gather(1, labels.long()[:, None])
        above, level = (scores > own).sum(1).double(), (scores == own).sum(1).double()  # level with itself, too
        self.hits += torch.stack([((k - above) / level).clamp(0, 1).sum() for k in (1, 5)])
        self.count += len(labels)

    def compute(self) -> list[float]:
        """Both accuracies in percent."""
        return [100 * hits / int(self.count) for hits in self.hits.tolist()]


def topk(scores: Tensor, labels: Tensor, all_processes: bool = False) -> Scores:
    """Top-1 and top-5 accuracy of class scores (n, C), higher is better, which may be infinite, and labels (n,).

    Ties are broken by chance, and the expected accuracy is returned: where the own class has the same score as others,
    the example counts by the share of their orders that put it among the first k. So a constant score gets
    100 / C percent, and the result does not depend on how classes are numbered. With `all_processes` each process has
    examples of its own, which are counted together; `right` is of its own alone.

    >>> topk(torch.tensor([[3.0, 1.0, 2.0], [5.0, 5.0, 0.0]]), torch.tensor([0, 1]))  # right; level with class 0
    Scores(top1=75.0, top5=100.0)
    """
    _check_shapes("scores (n, C)", scores, labels)
    if scores.isnan().any():
        raise ValueError("scores hold NaN")
    _check_labels("topk", labels, scores.shape[1])
    accuracy = TopK(sync_on_compute=all_processes).to(scores.device)
    accuracy.update(scores, labels)
    top1, top5 = accuracy.compute()
    return Scores(top1, top5, scores.argmax(dim=1) == labels)


def checked(train: Split, test: Split, classes: int | None = None) -> tuple[Split, Split, int]:
    """Both splits in one dtype, at least float32 but for large ones, and C: given, or the last training label + 1."""
    splits = {"training": train, "test": test}
    for name, (features, labels) in splits.items():
        _check_shapes(f"{name} features (n, D)", features, labels)
        if not all(part.features.isfinite().all() for part in blocks(Split(features, labels))):
            raise ValueError(f"{name} features hold NaN or infinite numbers")
    if train.features.shape[1] != test.features.shape[1]:
        raise ValueError(f"training features have {train.features.shape[1]} dimensions, test {test.features.shape[1]}")
    classes = int(train.labels.max()) + 1 if classes is None else classes
    for name, split in splits.items():
        _check_labels(name, split.labels, classes)
    dtype = torch.promote_types(torch.promote_types(train.features.dtype, test.features.dtype), torch.float32)
    first, second = (
        Split(split.features if is_large(*split.features.shape) else split.features.to(dtype), split.labels.long())
        for split in (train, test)
    )
    return first, second, classes


def _check_shapes(name: str, rows: Tensor, labels: Tensor) -> None:
    if rows.ndim != 2 or labels.shape != rows.shape[:1] or rows.numel() == 0:
        shapes = f"{tuple(rows.shape)} and {tuple(labels.shape)}"
        raise ValueError(f"{name} and labels (n,) are needed, at least one, not {shapes}")


def _check_labels(name: str, labels: Tensor, classes: int) -> None:
    if labels.is_floating_point():
        raise ValueError(f"{name} labels must be whole numbers, not {labels.dtype}")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise ValueError(f"{name} labels must lie in 0..{classes - 1}, but go from {low} to {high}")
