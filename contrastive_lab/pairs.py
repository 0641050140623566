"""Cosines of queries with their positive and negative keys: what the contrastive loss takes."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from contrastive_lab.encoder import cosines

SPARSE = 64  # below M / SPARSE chosen keys of M, fetching them is quicker than the product with all


class Pairs(NamedTuple):
    """Queries against their keys, for the n queries of this process.

    `pos` and `neg` depend on the encoder as queries through `queries`: for SimCLR, where a vector is query and key at
    once, an alias of it.
    """

    pos: Tensor  # (n,) cosine of each query with its key
    neg: Tensor  # (n, K) cosines with its negatives
    queries: list[Tensor]  # unit rows, each (m, D), n in all
    ids: Tensor  # (n,) image of each query
    neg_ids: Tensor  # (n, K) or (1, K) image of each negative; -1 where there is none (a queue's random start)
    features: Tensor  # (m, F) backbone features of the batch's m images
    keys: Tensor  # (M, D) unit rows of which the negatives were drawn, those of the own image among them or not
    key_ids: Tensor  # (M,) image of each


def from_keys(query: Tensor, key: Tensor, keys: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines of each query (n, D) with its key (n, D) and with the `chosen` (n, K) or (1, K) of all keys (M, D)."""
    return row_cosines(query, key), chosen_cosines(query, keys, chosen)


def chosen_cosines(query: Tensor, keys: Tensor, chosen: Tensor) -> Tensor:
    """Cosines of unit rows (n, D) with the `chosen` (n, K) or (1, K) of unit rows (M, D): (n, K).

    The chosen pairs alone are multiplied where these are few, else all pairs, of which the chosen are taken.
    """
    if chosen.shape[1] * SPARSE > len(keys) or len(chosen) < len(query):
        return cosines(query, keys).gather(1, chosen.expand(len(query), -1))
    return fetched_cosines(query, keys, chosen)


def fetched_cosines(query: Tensor, keys: Tensor, chosen: Tensor) -> Tensor:
    """`chosen_cosines` for `chosen` (n, K), which multiplies the chosen pairs alone."""
    with torch.autocast(query.device.type, enabled=False):
        return torch.einsum("nd,nkd->nk", query, keys.to(query.dtype)[chosen])


def row_cosines(query: Tensor, key: Tensor) -> Tensor:
    """Cosine of each query with its own key: unit rows (n, D) and (n, D) -> (n,)."""
    return (query * key.to(query.dtype)).sum(dim=1)


def joined(parts: Sequence[Pairs]) -> Pairs:
    """The queries of all parts; features and keys of the first."""
    if len(parts) == 1:
        return parts[0]
    return Pairs(
        pos=torch.cat([part.pos for part in parts]),
        neg=torch.cat([part.neg for part in parts]),
        queries=[query for part in parts for query in part.queries],
        ids=torch.cat([part.ids for part in parts]),
        neg_ids=torch.cat([part.neg_ids.expand(len(part.pos), -1) for part in parts]),
        features=parts[0].features,
        keys=parts[0].keys,
        key_ids=parts[0].key_ids,
    )


def in_batch(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Scores of B batches, pairs on the diagonal: (B, N, N), N >= 2 -> positives (B * N,), negatives (B * N, N - 1)."""
    B, N, _ = scores.shape
    others = scores.flatten(1)[:, :-1].view(B, N - 1, N + 1)[:, :, 1:]  # all but the diagonal, in order
    return scores.diagonal(dim1=1, dim2=2).reshape(B * N), others.reshape(B * N, N - 1)
