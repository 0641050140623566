"""The class means that minimise the contrastive loss of all data, for any prior and K, and what they cost in L_sup.

Positives share a label and classes do not overlap. Then the best features are one unit vector for each class (Jensen),
the loss depends on their Gram matrix G alone and is convex in it, so that C vectors in C dimensions have no other
minimum, and a gradient says how far one is from the least loss.

Letters: K >= 1 negatives, `probs` (C,) class probabilities, `gram` (C, C) inner products of unit vectors, tau > 0,
`law` of the class counts of the negatives. Losses are in nats. A ValueError names bad probabilities, K or tau.

Source: Awasthi, Dikkala & Kamath 2022 (ICML), of which the abstract was at hand: the optimum does not get worse with K.
So it is for uniform classes; with rare ones and a high tau it can get worse: docs/bounds.md, with proofs.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn import functional as F

from contrastive_lab.randomness import generator
from contrastive_lab.theory.coupon.prior import above_0, at_least, prior


class Counts(NamedTuple):
    """Law of the numbers of negatives of each class, (n, C) of K in a row, and the probability of each row, (n,)."""

    counts: Tensor
    weights: Tensor


def drawn_counts(K: int, probs: ArrayLike, draws: int = 4096, seed: int = 0) -> Counts:
    """Class counts of `draws` sets of K negatives, each as probable as the others."""
    p = torch.as_tensor(prior(None, probs))
    at_least("K", K, 1)
    labels = torch.multinomial(p, draws * K, replacement=True, generator=generator(seed, "class counts", K))
    counts = F.one_hot(labels.view(draws, K), len(p)).sum(1).double()
    return Counts(counts, counts.new_full((draws,), 1 / draws))


def all_counts(K: int, probs: ArrayLike) -> Counts:
    """All binom(K + C - 1, K) class counts of K negatives with their multinomial probabilities."""
    p = torch.as_tensor(prior(None, probs))
    at_least("K", K, 1)
    bars = torch.tensor([*itertools.combinations(range(K + len(p) - 1), len(p) - 1)], dtype=torch.float64)
    bars = bars.view(-1, len(p) - 1)
    counts = F.pad(F.pad(bars, (1, 0), value=-1), (0, 1), value=K + len(p) - 1).diff(dim=1) - 1
    one = torch.tensor(K + 1.0, dtype=torch.float64).lgamma()
    return Counts(counts, (one - (counts + 1).lgamma().sum(1) + counts @ p.log()).exp())


def population_loss(gram: Tensor, probs: ArrayLike, law: Counts, tau: float) -> Tensor:
    """Contrastive loss E ln(1 + sum_j n_j exp((G_cj - 1) / tau)) of one unit vector a class, ()."""
    sums = law.counts @ ((gram - 1) / tau).exp().T  # (n, C): a negative of the anchor's class weighs 1
    return law.weights @ sums.log1p() @ torch.as_tensor(prior(None, probs))


def supervised_loss(gram: Tensor, probs: ArrayLike, tau: float) -> float:
    """Loss of the mean classifier over all classes, -E ln softmax_c(G_cj / tau)."""
    return float(-(gram / tau).log_softmax(1).diagonal() @ torch.as_tensor(prior(None, probs)))


@torch.inference_mode(False)
def best_gram(probs: ArrayLike, law: Counts, tau: float, steps: int = 500, seed: int = 0) -> Tensor:
    """Gram matrix in float64 of least `population_loss`, by at most `steps` of L-BFGS from random vectors of `seed`."""
    above_0("tau", tau)
    C = len(prior(None, probs))
    start = torch.randn(C, C, generator=generator(seed, "class means"), dtype=torch.float64).requires_grad_()
    precise = {"tolerance_grad": 1e-12, "tolerance_change": 1e-15, "line_search_fn": "strong_wolfe"}
    optimizer = torch.optim.LBFGS([start], max_iter=steps, history_size=50, **precise)  # type: ignore[arg-type]

    def step() -> Tensor:
        optimizer.zero_grad()
        loss = population_loss(_gram(start), probs, law, tau)
        torch.autograd.backward(loss)
        return loss

    with torch.enable_grad():
        optimizer.step(step)
    return _gram(start.detach())


def excess_loss(gram: Tensor, probs: ArrayLike, law: Counts, tau: float) -> float:
    """How far `population_loss` of `gram` can at most be above the least of all Gram matrices, >= 0.

    Derived: the loss is convex in G, so it is at least its tangent at `gram`. With S its symmetric gradient and D the
    diagonal matrix of the row sums of S * gram, the tangent falls by at most -C times the least eigenvalue of S - D on
    the positive semidefinite matrices with a diagonal of 1.
    """
    gradient: Tensor = torch.func.grad(population_loss)(gram, probs, law, tau)
    slope = (gradient + gradient.T) / 2
    dual = slope - (slope * gram).sum(1).diag()
    return max(0.0, -len(gram) * float(torch.linalg.eigvalsh(dual)[0]))


def optimum_rows(
    priors: Mapping[str, Sequence[float]], grid: Sequence[int], tau: float = 0.5, draws: int = 4096, seed: int = 0
) -> list[dict[str, Any]]:
    """The optimum for each of the priors, class probabilities by name, and each K of the grid.

    Of the class counts `draws` are drawn with `seed`; where there are no more than that, each is taken once, and all
    numbers are exact. A row has prior, classes, K, tau, L_info and L_sup of the optimum, excess (`excess_loss`), least
    and most (the cosines of two classes).
    """
    rows = []
    for (name, p), K in itertools.product(priors.items(), grid):
        law = all_counts(K, p) if math.comb(K + len(p) - 1, K) <= draws else drawn_counts(K, p, draws, seed)
        gram = best_gram(p, law, tau, seed=seed)
        facts = {"prior": name, "classes": len(p), "K": K, "tau": tau}
        losses = {"L_info": float(population_loss(gram, p, law, tau)), "L_sup": supervised_loss(gram, p, tau)}
        cosines = gram[~torch.eye(len(p), dtype=torch.bool)]
        ends = {"least": float(cosines.min()), "most": float(cosines.max())}
        rows.append({**facts, **losses, "excess": excess_loss(gram, p, law, tau), **ends})
    return rows


def _gram(vectors: Tensor) -> Tensor:
    units = F.normalize(vectors, dim=1)
    return units @ units.T
