"""Weighted k-nearest-neighbour classification of frozen features."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from contrastive_lab import distributed
from contrastive_lab.evaluation.scores import Scores, Split, blocks, checked, topk

BLOCK = 2**23  # numbers held at once: 32 MiB of float32 similarities


@torch.no_grad()
def knn(
    train: Split,
    test: Split,
    k: int = 200,
    temperature: float = 0.1,
    classes: int | None = None,
    all_processes: bool = False,
) -> Scores:
    """Accuracy of a vote among the k >= 1 training examples of highest cosine, weighing exp(cosine / temperature) each.

    Features may have any scale. Where n < k all n vote; which of several at the same cosine is last is up to
    torch.topk. As temperature > 0 goes to 0 the vote becomes that of the nearest neighbour. Classes without a vote are
    ties as in `topk`. With `all_processes` each process has training examples of its own, and all have the same test
    examples and the same result. Source: Wu et al. 2018 (instance discrimination), Sec. 3.4.

    The second test example of class 0 lies nearest to class 1; where three votes count alike, class 0 has two:

    >>> train = Split(torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0, 1]))
    >>> test = Split(torch.tensor([[3.0, 0.0], [0.0, 5.0]]), torch.tensor([0, 0]))
    >>> knn(train, test, k=1).top1
    50.0
    >>> knn(train, test, k=3, temperature=1e6).top1
    100.0
    """
    if k < 1 or not temperature > 0:
        raise ValueError(f"knn needs k >= 1 and temperature > 0, not k={k}, temperature={temperature}")
    train, test, classes = checked(train, test, classes)
    cosines, labels = nearest(train, test.features, k)
    if all_processes:
        cosines, labels = _highest(*_of_all(cosines, labels), k)
    return topk(votes(cosines, labels, temperature, classes), test.labels)


def votes(cosines: Tensor, labels: Tensor, temperature: float, classes: int) -> Tensor:
    """The votes for each class, (m, C), of neighbours at cosines (m, k), the nearest first, with labels (m, k)."""
    found = []
    for near, own in zip(*(_split(rows, cosines.shape[1] * classes) for rows in (cosines, labels)), strict=True):
        # Every weight over that of the nearest: the order of classes is the same and no exponential overflows.
        weights = ((near - near[:, :1]) / temperature).exp()
        # A product and no scatter_add: its sums have one order on every device.
        found.append(torch.einsum("bk,bkc->bc", weights, F.one_hot(own, classes).to(weights.dtype)))
    return torch.cat(found)


def nearest(train: Split, queries: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Cosines of queries (m, D), of any length, to the k nearest training examples, (m, k) or less wide, and labels."""
    labels = train.labels.new_empty(len(queries), 0)
    cosines = torch.empty_like(labels, dtype=torch.float32)
    for features, own in blocks(train):
        keys, found = F.normalize(features, dim=1), []
        for rows in _split(queries, len(keys)):
            values, nearest = (F.normalize(rows.to(keys), dim=1) @ keys.T).topk(min(k, len(keys)), dim=1)
            found.append((values, own[nearest]))
        both = (torch.cat(parts) for parts in zip(*found, strict=True))
        first, second = (torch.cat(pair, 1) for pair in zip((cosines, labels), both, strict=True))
        cosines, labels = _highest(first, second, k)
    return cosines, labels


def _highest(cosines: Tensor, labels: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k highest cosines of each row and their labels; all where there are no more."""
    if cosines.shape[1] <= k:
        return cosines, labels
    cosines, columns = cosines.topk(k, dim=1)
    return cosines, labels.gather(1, columns)


def _of_all(cosines: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest of all processes side by side; where one has fewer than another, examples that weigh nothing."""
    distributed.meet(labels.device)
    widest = -int(distributed.minimum(labels.new_tensor(-cosines.shape[1])))
    missing = (0, widest - cosines.shape[1])
    padded = F.pad(cosines, missing, value=-math.inf), F.pad(labels, missing)
    first, second = (distributed.gather(rows.T).T for rows in padded)
    return first, second


def _split(rows: Tensor, width: int) -> tuple[Tensor, ...]:
    """Rows in parts for which `width` numbers a row are no more than a block."""
    return tuple(rows.tensor_split(math.ceil(len(rows) * width / BLOCK)))
