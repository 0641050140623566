"""Pairs with cosines that a test chooses."""

import torch
from torch import Tensor

from contrastive_lab.pairs import Chosen, Pairs, Part


def pairs_of(*parts: tuple[Tensor, Tensor], ids: Tensor | None = None, neg_ids: Tensor | None = None) -> Pairs:
    """Positives (n,) and negatives (n, K) of each view: query i is the i-th unit vector, and a key holds a column.

    A query's image is its number, a negative's the next, unless told: `ids` (n,), `neg_ids` (K,).
    """
    return Pairs([_part(pos, neg, ids, neg_ids) for pos, neg in parts])


def _part(pos: Tensor, neg: Tensor, ids: Tensor | None, neg_ids: Tensor | None) -> Part:
    n, K = neg.shape
    images = torch.arange(n) if ids is None else ids
    others = torch.full((K,), n) if neg_ids is None else neg_ids
    return Part(torch.eye(n, dtype=neg.dtype), pos, images, neg.T, others, None, torch.zeros(n, 1))


def keys_of_each(query: Tensor, key: Tensor, negatives: Tensor, ids: Tensor, neg_ids: Tensor) -> Part:
    """Queries (n, D) with a key (n, D) and negatives of their own (n, K, D), of images `ids` (n,), `neg_ids` (n, K)."""
    n, K, _ = negatives.shape
    chosen = Chosen(torch.arange(n * K).view(n, K))
    return Part(query, (query * key).sum(1), ids, negatives.flatten(0, 1), neg_ids.flatten(), chosen, query)
