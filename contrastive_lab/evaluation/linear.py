"""Linear classification of frozen features with a learning rate chosen on held-out examples.

Letters: n examples, D dimensions, C classes, R learning rates (`lrs`) trained at once, B examples of a batch.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from contrastive_lab import distributed
from contrastive_lab.evaluation.scores import Scores, Split, blocks, checked, is_large, topk
from contrastive_lab.randomness import generator
from contrastive_lab.waiting import counted

LEARNING_RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


class LinearResult(NamedTuple):
    """Test accuracies of `linear`, the learning rate it chose and the held-out top-1 of each one, in percent."""

    scores: Scores
    lr: float
    held_out: dict[float, float]


@torch.no_grad()
def linear(
    train: Split,
    test: Split,
    seed: int = 0,
    epochs: int = 100,
    batch_size: int = 256,
    lrs: Sequence[float] = LEARNING_RATES,
    held_out: float = 0.1,
    all_processes: bool = False,
) -> LinearResult:
    """Accuracy of logistic regression on frozen features, its learning rate chosen on held-out training examples.

    All R, each > 0, are trained at once on the training split less a random part: the share `held_out` of it, between 0
    and 1, and at least C examples if that leaves half. The one with the highest top-1 on that part (the lowest of
    equals) is used anew on the whole split, and its last weights are scored on the test split, once. Features may have
    any scale. The seed is that of the held-out choice, which ignores classes, and of the order of examples; a step
    takes at most `batch_size`. ValueError where one of the parts would be empty. With `all_processes` each process has
    the same examples and tries some of the learning rates, and all have the same result: that of one, to rounding.
    Source: the protocol of Chen et al. 2020 (SimCLR), Sec. 2.3, on features of images without augmentation.
    """
    train, test, classes = checked(train, test)
    n = len(train.labels)
    count = max(round(held_out * n), min(classes, n // 2))
    if not (0 < held_out < 1 and 0 < count < n):
        raise ValueError(f"held_out={held_out} of {n} training examples leaves one part empty")
    order = torch.randperm(n, generator=generator(seed, "linear", "held out")).to(train.labels.device)
    out, rest = (_part(train, rows) for rows in (order[:count], order[count:]))
    tried = lrs[distributed.rank() :: distributed.world_size()] if all_processes else lrs
    logits = fit_predict(rest, out.features, classes, tried, seed, epochs, batch_size) if tried or not lrs else ()
    accuracies = {lr: topk(scores, out.labels).top1 for lr, scores in zip(tried, logits, strict=True)}
    if all_processes:
        distributed.meet(train.labels.device)
        found = {lr: top1 for own in distributed.gather_objects(accuracies) for lr, top1 in own.items()}
        accuracies = {lr: found[lr] for lr in lrs}
    lr = max(sorted(accuracies), key=accuracies.__getitem__)
    final = fit_predict(train, test.features, classes, [lr], seed, epochs, batch_size)[0]
    return LinearResult(topk(final, test.labels), lr, accuracies)


def fit_predict(
    train: Split, features: Tensor, classes: int, lrs: Sequence[float], seed: int, epochs: int, batch_size: int
) -> Tensor:
    """Train logistic regression on `train` with each learning rate; its logits (R, m, C) of other features (m, D).

    Both are standardised by mean and deviation of `train`, with a column of ones for the bias. SGD from zero, momentum
    0.9, no decay, cosine to 0 per step, and the same batches for all: every epoch takes the n examples in a new order,
    in ceil(n / batch_size) batches that differ by one example at most.
    """
    if epochs < 1 or batch_size < 1 or not lrs or not all(lr > 0 for lr in lrs):
        raise ValueError(f"{epochs=} and {batch_size=} must be at least 1, and {lrs=} some numbers > 0")
    deviation, mean = _moments(train)
    scale = torch.where(deviation > 0, 1 / deviation, 0.0)  # of equal numbers std_mean gives 0 without rounding errors

    def standardised(rows: Tensor) -> Tensor:
        return F.pad((rows.to(mean) - mean) * scale, (0, 1), value=1.0)

    whole = None if is_large(*train.features.shape) else standardised(train.features)
    weights = mean.new_zeros(classes, len(lrs), len(mean) + 1)
    velocity, lr = torch.zeros_like(weights), mean.new_tensor(list(lrs))[:, None]
    per_epoch = math.ceil(len(train.labels) / batch_size)
    for epoch in counted(range(epochs), "logistic regression, epoch", epochs):
        order = torch.randperm(len(train.labels), generator=generator(seed, "linear", epoch)).to(mean.device)
        for step, rows in enumerate(order.tensor_split(per_epoch), epoch * per_epoch):
            x = standardised(_part(train, rows).features) if whole is None else whole.index_select(0, rows)
            velocity.mul_(0.9).add_(gradient(weights, x, train.labels[rows]))
            cosine = 0.5 + 0.5 * math.cos(math.pi * step / (epochs * per_epoch))
            weights.addcmul_(velocity, lr, value=-cosine)
    return (weights @ standardised(features).T).permute(1, 2, 0)


def _part(split: Split, rows: Tensor) -> Split:
    """Some rows of a split, whose numbers are given where its labels are."""
    return Split(split.features[rows.to(split.features.device)], split.labels[rows])


def _moments(train: Split) -> tuple[Tensor, Tensor]:
    """Deviation and mean of each feature (D,)."""
    if not is_large(*train.features.shape):
        return torch.std_mean(train.features, dim=0, correction=0)
    mean = torch.stack([x.double().sum(0) for x, _ in blocks(train)]).sum(0) / len(train.labels)
    squares = torch.stack([(x - mean).square().sum(0) for x, _ in blocks(train)]).sum(0)
    return (squares / len(train.labels)).sqrt().float(), mean.float()


def gradient(weights: Tensor, x: Tensor, labels: Tensor) -> Tensor:
    """Gradient of the mean cross-entropy of inputs x (B, D + 1) by the weights (C, R, D + 1), each R by itself."""
    # Classes come first since softmax over the last of (B, R, C) takes ten times as long on a CPU, and what is next to
    # zero becomes zero since denormal numbers slow the product that follows.
    error = F.threshold((weights @ x.T).softmax(0), 1e-30, 0.0)
    error[labels, :, torch.arange(len(x), device=x.device)] -= 1
    return error @ x / len(x)
