"""What K negatives keep of the repulsion that all keys at hand give: factor, competition and noise.

A query is pushed by (w / tau) sum_k s_k key_k, s the weights of the negatives and w the factor (docs/losses.md): minus
tau times the derivative of its loss in the positive is w, tau times that in a negative w s_k. Keys are spread apart
because near ones push harder than far ones. With K draws that comes about within s (not at K = 1, where s = 1) or
through w, which is larger where the drawn keys are near, unless alpha is large.

Letters: n queries, M keys of other images, D dimensions, S = floor(M / K) sets of K keys that share none. Derivation:
docs/theory.md. [derived here]
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from contrastive_lab import distributed
from contrastive_lab.encoder import cosines
from contrastive_lab.randomness import generator

Loss = Callable[[Tensor, Tensor], Tensor]  # of positives (n,) and negatives (n, K), one value per query (n,)
QUERIES, KEYS = 128, 1024  # at most so many of each are looked at


class Causes(NamedTuple):
    """Means over queries and draws.

    Fields:
        competition: (E[w sum_k s_k cos_k] / E[w sum_k s_k] - mean cos) / (the same with all M keys - mean cos): 1 for
            all keys, 0 at K = 1 and alpha = inf. Not a number where all keys are equally near, as a single one is.
        factor: E[w], from 0 to 1; "debiased" and "hard" have larger ones near their clamp.
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
    query: Tensor, pos: Tensor, cos: Tensor, keys: Tensor, K: int, tau: float, loss: Loss, sets: int = 1
) -> Causes:
    """What K of the M keys keep of the repulsion of all under a loss, over the queries of all processes.

    `query` (n, D) are unit rows, `pos` (n,) their cosines with their own keys; `cos` and `keys` are as `at_hand` gives
    them. K is at most M. The loss gets the sets of a query after each other. `agreement` looks at the mean of the
    repulsion over R = `sets` sets, or over all S where these are fewer.
    """
    n, M = cos.shape
    few, all_keys = (_repulsion(pos, cos, keys, size, tau, loss) for size in (K, M))
    w, push = few[0], few[3]
    groups = max(1, w.shape[1] // sets)
    used = min(sets, w.shape[1]) * groups
    mean_push = push[:, :used].view(n, groups, -1, push.shape[2]).mean(dim=2)
    agreement = torch.cosine_similarity(_across(query, mean_push), _across(query, all_keys[3]), dim=2)
    v = torch.exp((cos - cos.amax(dim=1, keepdim=True)) / tau)
    dispersion = v.square().mean(dim=1) / v.mean(dim=1).square()
    parts = [few[1], few[2], all_keys[1], all_keys[2], cos, w, agreement, dispersion]
    means = distributed.mean(torch.stack([part.mean() for part in parts]).double())
    share_few, along_few, share_all, along_all, mean_cos = means[:5]
    competition = (along_few / share_few - mean_cos) / (along_all / share_all - mean_cos)
    return Causes(competition, *means[5:])


def _repulsion(
    pos: Tensor, cos: Tensor, keys: Tensor, K: int, tau: float, loss: Loss
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of the sets of K neighbouring keys w, w sum_k s_k and w sum_k s_k cos_k, (n, S), w sum_k s_k key_k (n, S, D)."""
    n, S = len(cos), cos.shape[1] // K
    taken = [pos.detach().repeat_interleave(S), cos[:, : S * K].detach().reshape(n * S, K)]
    with torch.enable_grad():
        p, neg = (x.clone().requires_grad_() for x in taken)
        pull, repulsion = torch.autograd.grad(loss(p, neg).sum(), (p, neg))
    ws = tau * repulsion.view(n, S, K)
    push = _einsum("nsk,nskd->nsd", ws, keys[:, : S * K].view(n, S, K, -1))
    return -tau * pull.view(n, S), ws.sum(dim=2), (ws * taken[1].view(n, S, K)).sum(dim=2), push


def _across(query: Tensor, x: Tensor) -> Tensor:
    """Rows x (n, S, D) without their part along the query."""
    return x - _einsum("nsd,nd->ns", x, query)[..., None] * query[:, None]


def _einsum(equation: str, first: Tensor, second: Tensor) -> Tensor:
    """As torch's, in the tensors' own precision also under autocast."""
    with torch.autocast(first.device.type, enabled=False):
        found: Tensor = torch.einsum(equation, first, second)
    return found
