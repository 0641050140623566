"""Why a small K can do: the best class means for losses over few labels are the best for the loss over all.

With K + 1 < C draws no batch has all labels and the bounds hold losses over m <= K + 1 labels alone. Letters: C
classes, D dimensions, m `labels`, tau > 0. Losses are in nats. A ValueError names an argument that is out of range.
"""

import itertools
import math

import torch
from torch import Tensor
from torch.nn import functional as F

from contrastive_lab.randomness import generator
from contrastive_lab.theory.coupon.prior import at_least


def etf_cosine(classes: int) -> float:
    """Cosine of two vertices of a regular simplex (equiangular tight frame) of C >= 2 points: -1 / (C - 1)."""
    at_least("classes", classes, 2)
    return -1 / (classes - 1)


def etf_loss(labels: int, classes: int, tau: float) -> float:
    """Loss of class means on a regular simplex over m labels: ln(1 + (m - 1) exp(-(C / (C - 1)) / tau)), m = 1..C.

    The least that unit class means can reach, for every m >= 2. Derived; checked by optimisation for C <= 8.
    """
    if not 1 <= labels <= classes or not tau > 0:
        raise ValueError(f"needs 1 <= labels <= classes and tau > 0, not labels={labels}, classes={classes}, tau={tau}")
    return math.log1p((labels - 1) * math.exp((etf_cosine(classes) - 1) / tau))


def subset_loss(means: Tensor, labels: int, tau: float) -> Tensor:
    """Loss of unit class means (C, D) as their own features, the mean over all sets of m labels and the labels in them.

    -ln(exp(v_c.v_c / tau) / sum_{j in S} exp(v_c.v_j / tau)), (); there are binom(C, m) sets.
    """
    sets = torch.tensor(list(itertools.combinations(range(len(means)), labels)), device=means.device)
    members = means[sets]  # (sets, m, D)
    log_p = (members @ members.mT / tau).log_softmax(2)
    return -log_p.diagonal(dim1=1, dim2=2).mean()


@torch.inference_mode(False)
def best_class_means(
    classes: int, dim: int, labels: int, tau: float = 0.5, steps: int = 1500, lr: float = 0.02, seed: int = 0
) -> Tensor:
    """Unit class means (C, D) in float64 that minimise `subset_loss`, m = 2..C, by Adam from random ones of `seed`.

    A regular simplex needs a `dim` D of C - 1 or more. `steps` and `lr`, the learning rate, are those of Adam.
    """
    if not 2 <= labels <= classes:
        raise ValueError(f"labels={labels}: must lie in 2..{classes}")
    means = torch.randn(classes, dim, generator=generator(seed, "class means"), dtype=torch.float64).requires_grad_()
    optimizer = torch.optim.Adam([means], lr=lr)
    with torch.enable_grad():
        for _ in range(steps):
            optimizer.zero_grad()
            torch.autograd.backward(subset_loss(F.normalize(means, dim=1), labels, tau))
            optimizer.step()
    return F.normalize(means.detach(), dim=1)
