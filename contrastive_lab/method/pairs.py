"""What a method hands to the loss."""

from typing import NamedTuple

import torch
from torch import Tensor

from contrastive_lab.encoder import cosines


class Pairs(NamedTuple):
    """Queries against their keys, for the n queries of this process.

    Fields:
        pos: (n,) cosine of each query with its key.
        neg: (n, K) cosines with its negatives.
        queries: unit rows, each (m, D), n in all, through which `pos` and `neg` depend on the encoder as queries (for
            SimCLR, where a vector is query and key at once, an alias of it).
        ids: (n,) image of each query.
        neg_ids: (n, K) or (1, K) image of each negative; -1 where there is none (a queue's random start).
        features: (m, F) backbone features of the batch's m images.
    """

    pos: Tensor
    neg: Tensor
    queries: list[Tensor]
    ids: Tensor
    neg_ids: Tensor
    features: Tensor


def from_keys(query: Tensor, key: Tensor, keys: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines of each query (n, D) with its key (n, D) and with the `chosen` (n, K) of all keys (M, D)."""
    return row_cosines(query, key), cosines(query, keys).gather(1, chosen.expand(len(query), -1))


def row_cosines(query: Tensor, key: Tensor) -> Tensor:
    """Cosine of each query with its own key: unit rows (n, D) and (n, D) -> (n,)."""
    return (query * key.to(query.dtype)).sum(dim=1)


def joined(first: Pairs, second: Pairs) -> Pairs:
    """The queries of both; features of the first."""
    neg_ids = [p.neg_ids.expand(len(p.pos), -1) for p in (first, second)]
    return Pairs(
        pos=torch.cat([first.pos, second.pos]),
        neg=torch.cat([first.neg, second.neg]),
        queries=first.queries + second.queries,
        ids=torch.cat([first.ids, second.ids]),
        neg_ids=torch.cat(neg_ids),
        features=first.features,
    )
