"""What K negatives keep of the repulsion that all keys at hand give: factor, competition and noise.

A query is pushed by (w / tau) sum_k s_k key_k, s the softmax of cos / tau over the negatives and w the factor
(docs/losses.md). Keys are spread apart because near ones push harder than far ones. With K draws that comes about
within s (not at K = 1, where s = 1) or through w, which is larger where the drawn keys are near, unless alpha is large.

Letters: n queries, M keys of other images, D dimensions, S = floor(M / K) sets of K keys that share none. Derivation:
docs/theory.md. [derived here]
"""

from typing import NamedTuple

import torch
from torch import Tensor

from contrastive_lab import distributed
from contrastive_lab.encoder import cosines
from contrastive_lab.losses import competition_weights, factor
from contrastive_lab.randomness import generator

QUERIES, KEYS = 128, 1024  # at most so many of each are looked at


class Causes(NamedTuple):
    """Means over queries and draws.

    Fields:
        competition: (E[w sum_k s_k cos_k] / E[w] - mean cos) / (the same with all M keys - mean cos): 1 for all keys, 0
            at K = 1 and alpha = inf. Not a number where all keys are equally near.
        factor: E[w], from 0 to 1.
        agreement: cosine between the repulsion of K keys, over `sets` of them, and that of all keys, both without
            their part along the query: bias and noise together, 1 for all keys.
        dispersion: mean over queries of E[v^2] / E[v]^2, v = exp(cos / tau) over the M keys, at least 1.
    """

    competition: Tensor
    factor: Tensor
    agreement: Tensor
    dispersion: Tensor


def at_hand(query: Tensor, ids: Tensor, keys: Tensor, key_ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Some queries and, for each, keys of other images in a random order that is always the same.

    Takes unit rows (n', D) of the images `ids` (n',) and keys (M', D) of the images `key_ids` (M',). Gives the indices
    of n <= 128 queries, (n,), their cosines with M <= 1,024 keys, (n, M), and these keys (n, M, D).
    """
    every = max(1, len(query) // QUERIES)
    rows = torch.arange(0, len(query), every, device=query.device)[:QUERIES]
    some = torch.randperm(len(keys), generator=generator(0, "keys at hand"))[: KEYS + 8].to(keys.device)
    own = key_ids[some] == ids[rows, None]
    others = own.byte().argsort(dim=1, stable=True)[:, : min(len(some) - int(own.sum(dim=1).max()), KEYS)]
    taken = keys[some].to(query.dtype)
    return rows, cosines(query[rows], taken).gather(1, others), taken[others]


def causes(
    query: Tensor, pos: Tensor, cos: Tensor, keys: Tensor, K: int, tau: float, alpha: float | None, sets: int = 1
) -> Causes:
    """What K of the M keys keep of the repulsion of all, over the queries of all processes.

    `query` (n, D) are unit rows, `pos` (n,) their cosines with their own keys; `cos` and `keys` are as `at_hand` gives
    them. K is at most M; alpha None is the number of negatives, inf gives w = 1. `agreement` looks at the mean of the
    repulsion over R = `sets` sets, or over all S where these are fewer.
    """
    n, M = cos.shape
    few, all_keys = (_repulsion(pos, cos, keys, size, tau, alpha) for size in (K, M))
    w, along, push = few
    groups = max(1, w.shape[1] // sets)
    used = min(sets, w.shape[1]) * groups
    mean_push = (w[:, :used, None] * push[:, :used]).view(n, groups, -1, push.shape[2]).mean(dim=2)
    agreement = torch.cosine_similarity(_across(query, mean_push), _across(query, all_keys[2]), dim=2)
    v = torch.exp((cos - cos.amax(dim=1, keepdim=True)) / tau)
    dispersion = v.square().mean(dim=1) / v.mean(dim=1).square()
    parts = [(w * along).mean(), w.mean(), (all_keys[0] * all_keys[1]).mean(), all_keys[0].mean(), cos.mean()]
    means = distributed.mean(torch.stack([*parts, agreement.mean(), dispersion.mean()]).double())
    push_few, w_few, push_all, w_all, mean_cos = means[:5]
    competition = (push_few / w_few - mean_cos) / (push_all / w_all - mean_cos)
    return Causes(competition, w_few, means[5], means[6])


def _repulsion(
    pos: Tensor, cos: Tensor, keys: Tensor, K: int, tau: float, alpha: float | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Factors w (n, S), sum_k s_k cos_k (n, S) and sum_k s_k key_k (n, S, D) of the sets of K neighbouring keys."""
    n, S = len(cos), cos.shape[1] // K
    neg = cos[:, : S * K].reshape(n * S, K)
    s, w = competition_weights(neg, tau), factor(pos.repeat_interleave(S), neg, tau, alpha)
    push = torch.einsum("nsk,nskd->nsd", s.view(n, S, K), keys[:, : S * K].view(n, S, K, -1))
    return w.view(n, S), (s * neg).sum(dim=1).view(n, S), push


def _across(query: Tensor, x: Tensor) -> Tensor:
    """Rows x (n, S, D) without their part along the query."""
    return x - torch.einsum("nsd,nd->ns", x, query)[..., None] * query[:, None]
