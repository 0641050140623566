"""The terms of the bounds, of batches of features: every image of a batch is an anchor once, the others its negatives.

Letters: B batches of N = K + 1 images, N >= 2, D dimensions, C classes. `Terms` says what each term is.
"""

import torch
from torch import Tensor

from contrastive_lab.losses import info_nce
from contrastive_lab.pairs import in_batch
from contrastive_lab.theory.bounds.terms import Terms
from contrastive_lab.theory.coupon.prior import above_0

CELLS = 2**24  # cosines held at a time


@torch.no_grad()
def batch_terms(
    anchors: Tensor, others: Tensor, own_means: Tensor, labels: Tensor, class_means: Tensor, tau: float
) -> Terms:
    """Mean of every term over all anchors; the probabilities are shares of them.

    An anchor's key is the other view of its image, its K negatives are the other views of the other images. With
    batches of independent draws the means estimate the expectations; over all batches there are they are equal.

    `anchors` and `others` (B, N, D) are the unit features of two views of the same images, `own_means` (B, N, D) the
    mean feature mu(x) of each image over its views, `labels` (B, N) their classes, 0..C-1, and `class_means` (C, D)
    the mu_c; tau > 0. ValueError on other shapes or values.
    Source: the protocol of Nozawa & Sato 2021, read in the authors' public code.
    """
    _check(anchors, others, own_means, labels, class_means, tau)
    rows = max(1, CELLS // labels.shape[1] ** 2)
    parts = zip(anchors.split(rows), others.split(rows), own_means.split(rows), labels.split(rows), strict=True)
    sums = torch.stack([_sums(a, b, means, own, class_means, tau) for a, b, means, own in parts]).sum(0)
    return Terms(*(sums / labels.numel()).tolist())


def _sums(
    anchors: Tensor, others: Tensor, own_means: Tensor, labels: Tensor, class_means: Tensor, tau: float
) -> Tensor:
    """Sum of every term over the anchors, (11,) in float64, in the order of `Terms`."""
    scores = anchors @ class_means.T / tau  # (B, N, C)
    own = scores.gather(2, labels[..., None])[..., 0]
    present = torch.zeros_like(scores[:, 0]).scatter_(1, labels, 1.0).bool()  # (B, C): the set S
    subset = scores.masked_fill(~present[:, None], -torch.inf).logsumexp(2) - own
    col = (labels[:, :, None] == labels[:, None]).sum(2) - 1
    covered, clean = present.all(1)[:, None].expand_as(col), col == 0
    losses = {
        "L_info": info_nce(*in_batch(anchors @ others.mT), tau, reduction="none"),
        "L_sup": scores.logsumexp(2) - own,
        "sup": subset * covered,
        "sub": subset * ~covered,
        "clean_sup": subset * (clean & covered),
        "clean_sub": subset * (clean & ~covered),
        "collision": col.double().log1p(),
        "d": (own - (anchors * own_means).sum(2) / tau).clamp(max=0),
        "upsilon": covered,
        "clean": clean,
        "rho": clean & covered,
    }
    return torch.stack([losses[name].double().sum() for name in Terms._fields])


def _check(anchors: Tensor, others: Tensor, own_means: Tensor, labels: Tensor, class_means: Tensor, tau: float) -> None:
    shapes = {tuple(x.shape) for x in (anchors, others, own_means)}
    if len(shapes) > 1 or anchors.ndim != 3 or labels.shape != anchors.shape[:2] or labels.shape[1] < 2:
        found = ", ".join(str(tuple(x.shape)) for x in (anchors, others, own_means, labels))
        raise ValueError(f"features (B, N, D) three times and labels (B, N), N >= 2, are needed, not {found}")
    if class_means.ndim != 2 or class_means.shape[1] != anchors.shape[2]:
        raise ValueError(f"class_means (C, {anchors.shape[2]}) are needed, not {tuple(class_means.shape)}")
    if labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < len(class_means):
        raise ValueError(f"labels must lie in 0..{len(class_means) - 1}")
    above_0("tau", tau)
