"""Weighted k-nearest-neighbour classification of frozen features."""

import math

import torch
from torch.nn import functional as F

from contrastive_lab.evaluation.scores import Scores, Split, checked, topk

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
    ties as in `topk`, where `all_processes` is explained. Source: Wu et al. 2018 (instance discrimination), Sec. 3.4.

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
    keys, queries, k = F.normalize(train.features, dim=1), F.normalize(test.features, dim=1), min(k, len(train.labels))
    blocks = math.ceil(len(queries) * max(len(keys), k * classes) / BLOCK)
    votes = []
    for block in queries.tensor_split(blocks):
        cosines, nearest = (block @ keys.T).topk(k, dim=1)
        # Every weight over that of the nearest: the order of classes is the same and no exponential overflows.
        weights = ((cosines - cosines[:, :1]) / temperature).exp()
        # A product and no scatter_add: its sums have one order on every device.
        own = F.one_hot(train.labels[nearest], classes).to(weights.dtype)
        votes.append(torch.einsum("bk,bkc->bc", weights, own))
    return topk(torch.cat(votes), test.labels, all_processes)
