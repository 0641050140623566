"""The terms of the bounds, measured on an encoder with several augmented views of every image.

The protocol is that of Nozawa & Sato 2021, read in the authors' public code: features are the head's unit vectors of
augmented views in eval mode; mu(x) and mu_c are means over several views, not normalised, mu_c of training images; test
images are split into random batches of K + 1, again and again. Other than there, the probabilities of the labels are
exact instead of counted, and a class too rare for a batch is no division by zero.

Letters: n images, n_c of class c, N = K + 1 images of a batch, D dimensions, C classes.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import islice
from statistics import fmean

import torch
from torch import Tensor

from contrastive_lab.dataset import Splits, ViewsDataModule
from contrastive_lab.dataset.split import Split
from contrastive_lab.encoder import Encoder
from contrastive_lab.evaluation.class_mean import class_means
from contrastive_lab.evaluation.features import labelled_features, probe_splits, view_pairs
from contrastive_lab.evaluation.scores import topk
from contrastive_lab.randomness import generator
from contrastive_lab.theory.bounds.batches import batch_terms
from contrastive_lab.theory.bounds.collision import collision_bound
from contrastive_lab.theory.bounds.terms import Terms
from contrastive_lab.theory.coupon.draws import coverage_without_replacement


def measure(
    encoder: Encoder,
    data: ViewsDataModule,
    draws: Sequence[int],
    tau: float,
    views: int = 10,
    passes: int = 10,
    seed: int = 0,
) -> tuple[list[Terms], dict[str, float]]:
    """All terms on the test images for each N of `draws`, from 2 to the number of test images, and two other facts.

    An even number of views goes into mu(x) and mu_c; few make d(f) too negative, so the bounds a little looser. The
    test images are split into batches `passes` times, each with two new views; the seed is that of views and batches.
    ValueError without labels or images of every class, or if `draws` or `views` is out of range. The facts are
    `mean_top1`, percent of clean test images nearest by inner product to their mu_c, and `collision_bound` of two
    views of the training images, not divided by tau.
    """
    (train, test), device = _checked(data.splits, draws, views), next(encoder.parameters()).device
    train_labels, labels = (torch.as_tensor(split.labels).to(device) for split in (train, test))
    pairs, own = view_pairs(encoder, train, data, seed, "train"), view_pairs(encoder, test, data, seed, "mean")
    first = next(pairs)
    centres = class_means((first.sum(0) + _total(pairs, views // 2 - 1)) / views, train_labels, data.splits.classes)
    own_means, passed = _total(own, views // 2) / views, []
    for i, (anchors, keys) in enumerate(islice(view_pairs(encoder, test, data, seed, "batches"), passes)):
        order = torch.randperm(len(labels), generator=generator("deal", seed, i)).to(device)
        batches = [order[: len(order) // N * N].view(-1, N) for N in draws]  # the rest fills no further batch
        passed.append([batch_terms(anchors[b], keys[b], own_means[b], labels[b], centres, tau) for b in batches])
    means = [Terms(*map(fmean, zip(*parts, strict=True))) for parts in zip(*passed, strict=True)]
    counts = labels.bincount().tolist()
    terms = [mean._replace(**label_probabilities(N, counts)) for N, mean in zip(draws, means, strict=True)]
    clean = labelled_features(encoder, test, data.recipe, "z", data.workers)
    top1 = topk(clean.features @ centres.T, clean.labels).top1
    return terms, {"mean_top1": top1, "collision_bound": collision_bound(first[0], first[1], train_labels)}


def label_probabilities(draws: int, counts: Sequence[int]) -> dict[str, float]:
    """`upsilon`, `clean` and `rho` of `Terms` for N = `draws` images without replacement, the anchor one of them.

    `counts` are the n_c >= 1 images of each of two classes or more, and N is 2 to n.
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


def _total(pairs: Iterator[Tensor], count: int) -> Tensor:
    """Sum of both views of each image over the next pairs: (n, D), or a zero."""
    return torch.as_tensor(sum(next(pairs).sum(0) for _ in range(count)))


def _checked(splits: Splits, draws: Sequence[int], views: int) -> tuple[Split, Split]:
    train, test = probe_splits(splits)
    for name, split in (("training", train), ("test", test)):
        counts = torch.as_tensor(split.labels).bincount(minlength=splits.classes)
        if len(counts) > splits.classes or not counts.all():
            raise ValueError(f"{name} images of each of the {splits.classes} classes are needed, and of no other")
    if views < 2 or views % 2:
        raise ValueError(f"views={views}: must be an even number, 2 or more")
    if wrong := [N for N in draws if not 2 <= N <= len(test)]:
        raise ValueError(f"draws={wrong[0]}: must lie in 2..{len(test)}, the number of test images")
    return train, test
