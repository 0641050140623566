"""The terms of the bounds, measured on an encoder with several augmented views of every image.

The protocol is that of Nozawa & Sato 2021, read in the authors' public code: features are the head's unit vectors of
augmented views in eval mode; mu(x) and mu_c are means over several views, not normalised, mu_c of training images; test
images are split into random batches of K + 1, again and again. Other than there, the probabilities of the labels are
exact instead of counted, and a class too rare for a batch is no division by zero.

Letters: n images, N = K + 1 images of a batch, D dimensions, C classes.
"""

import math
from collections.abc import Iterator, Sequence
from statistics import fmean

import torch
from torch import Tensor

from contrastive_lab.dataset import Splits, ViewsDataModule
from contrastive_lab.dataset.split import Split
from contrastive_lab.encoder import Encoder
from contrastive_lab.evaluation.class_mean import class_means
from contrastive_lab.evaluation.features import labelled_features
from contrastive_lab.evaluation.scores import topk
from contrastive_lab.evaluation.views import view_pairs
from contrastive_lab.randomness import generator
from contrastive_lab.theory.bounds.batches import batch_terms
from contrastive_lab.theory.bounds.collision import collision_bound
from contrastive_lab.theory.bounds.terms import Terms
from contrastive_lab.theory.coupon.draws import coverage_without_replacement

Measured = tuple[list[Terms], dict[str, float]]


def measure(
    encoder: Encoder,
    data: ViewsDataModule,
    draws: Sequence[int],
    tau: float,
    views: int = 10,
    passes: int = 10,
    seed: int = 0,
) -> Measured:
    """Measure all terms on the test images.

    Args:
        encoder: on any device; its mode is restored.
        data: with labelled training and test images.
        draws: values of K + 1, each from 2 to the number of test images.
        tau: temperature, > 0.
        views: augmented views of each image in mu(x) and mu_c, an even number.
        passes: times that the test images are split into batches, each with two new views.
        seed: of views and batches.

    Returns:
        The terms for each of `draws`; and `mean_top1`, percent of clean test images nearest by inner product to their
        mu_c, and `collision_bound` of two views of the training images, not divided by tau.

    Raises:
        ValueError: without labels or images of every class, or if `draws` or `views` is out of range.

    mu(x) is a mean of few views, which makes d(f) more negative than it is, so the bounds a little looser.
    """
    train, test = _labelled(data.splits)
    _check(draws, views, len(test))
    device = next(encoder.parameters()).device
    train_labels, labels = (torch.as_tensor(split.labels).to(device) for split in (train, test))
    pairs = view_pairs(encoder, train, data, seed, "train")
    first = next(pairs)
    sums = first.sum(0) + sum(next(pairs).sum(0) for _ in range(views // 2 - 1))
    centres = class_means(sums / views, train_labels, data.splits.classes)
    others = view_pairs(encoder, test, data, seed, "mean")
    own_means = sum((next(others).sum(0) for _ in range(views // 2)), torch.zeros_like(sums[:1])) / views
    fresh = view_pairs(encoder, test, data, seed, "batches")
    dealt = [[*_dealt(next(fresh), own_means, labels, centres, draws, tau, (seed, i))] for i in range(passes)]
    counts = labels.bincount(minlength=data.splits.classes).tolist()
    terms = [
        Terms(*map(fmean, zip(*parts, strict=True)))._replace(**label_probabilities(N, counts))
        for N, parts in zip(draws, zip(*dealt, strict=True), strict=True)
    ]
    clean = labelled_features(encoder, test, data.recipe, "z", data.workers)
    top1 = topk(clean.features @ centres.T, clean.labels).top1
    return terms, {"mean_top1": top1, "collision_bound": collision_bound(first[0], first[1], train_labels)}


def label_probabilities(draws: int, counts: Sequence[int]) -> dict[str, float]:
    """upsilon, P(Col = 0) and rho of N images drawn without replacement, the anchor one of them.

    Args:
        draws: N = K + 1, from 2 to the number of images.
        counts: images of each class, at least two classes, each at least 1.

    Returns:
        `upsilon`, `clean` and `rho` as in `Terms`.

    Derived: for an anchor of a class of n_c images, the K others are all of other classes with probability
    binom(n - n_c, K) / binom(n - 1, K), and then come from these classes alone.
    """
    n, clean, rho = sum(counts), 0.0, 0.0
    for own in set(counts):
        share = counts.count(own) * own / n
        chance = math.comb(n - own, draws - 1) / math.comb(n - 1, draws - 1)
        others = list(counts)
        others.remove(own)
        clean += share * chance
        rho += share * chance * coverage_without_replacement(draws - 1, others) if chance else 0.0
    return {"upsilon": coverage_without_replacement(draws, counts), "clean": clean, "rho": rho}


def _dealt(
    pair: Tensor,
    own_means: Tensor,
    labels: Tensor,
    class_means: Tensor,
    draws: Sequence[int],
    tau: float,
    key: tuple[int, int],
) -> Iterator[Terms]:
    """Terms of one pass for each of `draws`; images left over when no further batch can be filled are left out."""
    order = torch.randperm(len(labels), generator=generator("deal", *key)).to(labels.device)
    for N in draws:
        ids = order[: len(order) // N * N].view(-1, N)
        yield batch_terms(pair[0][ids], pair[1][ids], own_means[ids], labels[ids], class_means, tau)


def _labelled(splits: Splits) -> tuple[Split, Split]:
    train, test = splits.train, splits.test
    if train is None or test is None or train.labels is None or test.labels is None:
        raise ValueError("this data set has no labelled test images")
    for name, labels in (("training", train.labels), ("test", test.labels)):
        if int(labels.max()) >= splits.classes or not labels.bincount(minlength=splits.classes).all():
            raise ValueError(f"{name} images of each of the {splits.classes} classes are needed, and of no other")
    return train, test


def _check(draws: Sequence[int], views: int, images: int) -> None:
    if views < 2 or views % 2:
        raise ValueError(f"views={views}: must be an even number, 2 or more")
    if wrong := [N for N in draws if not 2 <= N <= images]:
        raise ValueError(f"draws={wrong[0]}: must lie in 2..{images}, the number of test images")
