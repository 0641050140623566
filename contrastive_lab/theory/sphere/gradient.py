"""The gradient of the contrastive loss with respect to a query, for frozen random features; no training.

Letters: N queries, K negatives, D dimensions, A objectives; tau temperature, alpha EqCo's weight of the negatives.
The features: all unit vectors lie on the sphere around a shared mean, so that two random keys have cosine `shared` in
expectation, and are uniform there; a query and its own key have cosine `positive`. D is 3 or more (one for the mean,
two for a circle around it), `shared` from 0 to below 1, `positive` from 2 shared - 1 to 1; ValueError beyond. What a
trained encoder gives is not random: `gradient_norm` in a run's metrics.csv measures that.

Source: Zhu et al. 2020 (EqCo), Eq. 7, 12 to 15 and Fig. 2. The paper does not say how its norm is taken; here it is the
L2 norm of each query's own gradient, then the mean. The closed forms for these features are derived.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from scipy.special import hyp0f1
from torch import Tensor
from torch.nn import functional as F

from contrastive_lab.losses import gradient_bound

CHUNK = 4096  # keys held at once


class Gradients(NamedTuple):
    """Of every query at one K: norms of the gradient, losses and factors w (A, N), repulsion sum_k s_k key_k (N, D)."""

    norms: Tensor
    losses: Tensor
    factors: Tensor
    repulsion: Tensor


def frozen_pairs(n: int, D: int, positive: float, shared: float, source: torch.Generator) -> tuple[Tensor, Tensor]:
    """Queries and their own keys, unit vectors (n, D) in float64 with cosine `positive`, drawn from `source`."""
    cosine = _own_cosine(D, positive, shared)
    own, other = _directions(n, D, source), _directions(n, D, source)
    other = F.normalize(other - (own * other).sum(dim=1, keepdim=True) * own, dim=1)
    return _around_mean(own, shared), _around_mean(cosine * own + math.sqrt(1 - cosine**2) * other, shared)


def frozen_keys(n: int, D: int, shared: float, source: torch.Generator) -> Tensor:
    """Random keys, unit vectors (n, D) in float64."""
    return _around_mean(_directions(n, D, source), shared)


def _own_cosine(D: int, positive: float, shared: float) -> float:
    """Cosine of a query and its key without the shared mean."""
    if D < 3 or not 0 <= shared < 1 or not 2 * shared - 1 <= positive <= 1:
        needed = "D >= 3, shared from 0 to below 1 and positive from 2 shared - 1 to 1"
        raise ValueError(f"{needed} are needed, not D={D}, shared={shared}, positive={positive}")
    return min(max((positive - shared) / (1 - shared), -1.0), 1.0)


def _directions(n: int, D: int, source: torch.Generator) -> Tensor:
    """Uniform unit vectors (n, D - 1)."""
    return F.normalize(torch.randn(n, D - 1, generator=source, dtype=torch.float64), dim=1)


def _around_mean(directions: Tensor, shared: float) -> Tensor:
    """Unit vectors whose first coordinate is the shared mean."""
    return F.pad(math.sqrt(1 - shared) * directions, (1, 0), value=math.sqrt(shared))


def gradients(
    q: Tensor, own: Tensor, draw: Callable[[int], Tensor], Ks: Sequence[int], alphas: Sequence[float | None], tau: float
) -> Iterator[Gradients]:
    """The gradient of each query for every K, each K taking the negatives of the last one and more.

    dL/dq = (w/tau) (sum_k s_k key_k - key_0) with s_k proportional to e^{q.k/tau}, w = S / (1 + S),
    S = (alpha/K) sum_k e^{(q.k - q.k0)/tau} and L = ln(1 + S); EqCo, Eq. 12 to 15; at alpha = inf w = 1 and
    L = ln(S/alpha). Equal to autograd's through `losses.info_nce`. All queries share the negatives. Sums run over
    chunks of keys, so memory does not grow with K.

    `q` and `own` (N, D) are unit vectors in float64, `draw` gives the next n negatives (n, D), the `Ks` rise, and an
    alpha of None is K, plain InfoNCE; tau is 0.01 or more. The norms are of d loss_i / d q_i.
    """
    positive = (q * own).sum(dim=1, keepdim=True)
    total, weighted = torch.zeros_like(positive), torch.zeros_like(q)
    for last, K in pairwise([0, *Ks]):
        for start in range(last, K, CHUNK):
            keys = draw(min(CHUNK, K - start))
            weights = torch.exp((q @ keys.T - positive) / tau)
            total += weights.sum(dim=1, keepdim=True)
            weighted += weights @ keys
        S = torch.stack([(K if alpha is None else alpha) / K * total for alpha in alphas]).squeeze(2)
        repulsion, factors = weighted / total, torch.where(S.isinf(), 1.0, S / (1 + S))
        losses = torch.where(S.isinf(), (total / K).log().squeeze(1), torch.log1p(S))
        yield Gradients(torch.linalg.vector_norm(repulsion - own, dim=1) * factors / tau, losses, factors, repulsion)


def expected_bound(D: int, positive: float, shared: float, tau: float, alpha: float) -> float:
    """Theorem 2 with the exact expectation over these keys: (2/tau)(1 - 1 / (1 + alpha E e^{(q.k - q.k0)/tau})).

    Source: Zhu et al. 2020 (EqCo), Eq. 7. E e^{q.k/tau} is e^{shared/tau} 0F1(; (D-1)/2; ((1-shared)/(2 tau))^2).
    """
    typical = tau * math.log(hyp0f1((D - 1) / 2, ((1 - shared) / (2 * tau)) ** 2)) + shared
    pos, neg = torch.tensor([positive, typical], dtype=torch.float64)
    return float(gradient_bound(pos[None], neg[None, None], tau, alpha))


def expected_limit(D: int, positive: float, shared: float, tau: float, alpha: float) -> float:
    """The gradient norm with infinitely many negatives at fixed alpha, exactly; below `expected_bound`.

    Half the bound times the distance of the own key to the mean of the keys weighted by e^{q.k/tau}, which lies on the
    query's side of the shared mean: as far as 0F1' / 0F1 says. [derived]
    """
    cosine, b, kappa = _own_cosine(D, positive, shared), (D - 1) / 2, (1 - shared) / tau
    pull = float(kappa / (2 * b) * hyp0f1(b + 1, (kappa / 2) ** 2) / hyp0f1(b, (kappa / 2) ** 2))
    distance = math.sqrt((1 - shared) * (1 + pull**2 - 2 * pull * cosine))
    return expected_bound(D, positive, shared, tau, alpha) / 2 * distance
