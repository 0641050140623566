"""Queries with their positive and negative keys: what the contrastive loss takes the cosines of.

Letters: n queries of this process, K negatives of each, chosen of M keys, D dimensions, b rows of a block.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from contrastive_lab.encoder import cosines

SPARSE = 64  # below M / SPARSE chosen keys of M, fetching them is quicker than the product with all
BLOCK = 2**22  # numbers that a block of rows may hold: 16 MB, so that memory grows with n and not with n M
ALL = slice(None)


class Chosen(NamedTuple):
    """Which keys are the negatives of each query.

    With `own`, `numbers` count the keys of other images alone: of each view those of all `images` but the query's own.
    """

    numbers: Tensor  # (n, K); (1, K) where it is the same for all queries
    own: Tensor | None = None  # (n,) place of the query's image among `images`
    images: int = 0

    def of(self, rows: slice = ALL) -> Tensor:
        """Numbers of the keys of some queries, (b, K) or, the same for all, (1, K)."""
        numbers = self.numbers if len(self.numbers) == 1 else self.numbers[rows]
        if self.own is None:
            return numbers
        view, other = numbers // (self.images - 1), numbers % (self.images - 1)
        return view * self.images + other + (other >= self.own[rows, None])


class Part(NamedTuple):
    """The queries of one view against their keys.

    `pos` depends on the encoder as queries through `query`: for SimCLR, where a vector is query and key at once, an
    alias of it.
    """

    query: Tensor  # (n, D) unit rows
    pos: Tensor  # (n,) cosine of each with its key
    ids: Tensor  # (n,) image of each
    keys: Tensor  # (M, D) unit rows of which the negatives are chosen, those of the own image among them or not
    key_ids: Tensor  # (M,) image of each; -1 where there is none (a queue's random start)
    chosen: Chosen | None  # None for all keys
    features: Tensor  # (m, F) backbone features of the batch's m images

    @property
    def K(self) -> int:
        """Number of negatives of a query."""
        return len(self.keys) if self.chosen is None else self.chosen.numbers.shape[1]

    def neg(self, rows: slice = ALL) -> Tensor:
        """Cosines of some queries with their negatives, (b, K)."""
        return negative_cosines(self.query[rows], self.keys, None if self.chosen is None else self.chosen.of(rows))

    def neg_ids(self, rows: slice = ALL) -> Tensor:
        """Images of the negatives of some queries, (b, K) or (1, K)."""
        return self.key_ids[None] if self.chosen is None else self.key_ids[self.chosen.of(rows)]


class Pairs(NamedTuple):
    """The queries of a step, view by view."""

    parts: list[Part]

    @property
    def pos(self) -> Tensor:
        """Cosines with the positives, (n,)."""
        return joined([part.pos for part in self.parts])

    @property
    def neg(self) -> Tensor:
        """Cosines with the negatives, (n, K), all at once."""
        return joined([part.neg() for part in self.parts])

    @property
    def neg_ids(self) -> Tensor:
        """Images of the negatives, (n, K), all at once."""
        return joined([part.neg_ids().expand(len(part.ids), -1) for part in self.parts])

    @property
    def ids(self) -> Tensor:
        """Images of the queries, (n,)."""
        return joined([part.ids for part in self.parts])

    @property
    def queries(self) -> list[Tensor]:
        """The queries of each view, unit rows."""
        return [part.query for part in self.parts]

    @property
    def K(self) -> int:
        """Number of negatives of a query."""
        return self.parts[0].K

    @property
    def features(self) -> Tensor:
        """Backbone features of the first view, (m, F)."""
        return self.parts[0].features

    def blocks(self) -> Iterator[tuple[Part, slice]]:
        """All rows of all parts in order, as many at a time as `blocks` has."""
        return ((part, rows) for part in self.parts for rows in blocks(part.query, part.keys, part.chosen))


def blocks(query: Tensor, keys: Tensor, chosen: Chosen | None) -> list[slice]:
    """Rows that are looked at together, so that what they hold stays below `BLOCK` numbers."""
    (M, D), K = keys.shape, 0 if chosen is None else chosen.numbers.shape[1]
    by_query = chosen is not None and (chosen.own is not None or len(chosen.numbers) > 1)
    rows = max(1, BLOCK // (K * D if _fetched(K, M, by_query) else M))
    return [slice(start, min(start + rows, len(query))) for start in range(0, len(query), rows)]


def negative_cosines(query: Tensor, keys: Tensor, chosen: Tensor | None) -> Tensor:
    """Cosines of unit rows (b, D) with the `chosen` (b, K) or (1, K) of unit rows (M, D), None for all: (b, K).

    The chosen pairs alone are multiplied where these are few, else all pairs, of which the chosen are taken.
    """
    if chosen is None:
        return cosines(query, keys)
    if not _fetched(chosen.shape[1], len(keys), len(chosen) > 1):
        return cosines(query, keys).gather(1, chosen.expand(len(query), -1))
    with torch.autocast(query.device.type, enabled=False):
        return torch.einsum("nd,nkd->nk", query, keys.to(query.dtype)[chosen])


def _fetched(K: int, M: int, by_query: bool) -> bool:
    """Whether the keys of each query by itself are fetched, in place of a product with all."""
    return by_query and K * SPARSE <= M


def row_cosines(query: Tensor, key: Tensor) -> Tensor:
    """Cosine of each query with its own key: unit rows (n, D) and (n, D) -> (n,)."""
    return (query * key.to(query.dtype)).sum(dim=1)


def in_sets(pos: Tensor, neg: Tensor, sets: int) -> tuple[Tensor, Tensor]:
    """Positives (b,) and negatives (b, R K) of R sets -> (b R,) and (b R, K), the sets of a query after each other."""
    return pos.repeat_interleave(sets), neg.reshape(len(pos) * sets, -1)


def joined(parts: list[Tensor]) -> Tensor:
    """The rows of all parts."""
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def in_batch(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Scores of B batches, pairs on the diagonal: (B, N, N), N >= 2 -> positives (B * N,), negatives (B * N, N - 1)."""
    B, N, _ = scores.shape
    others = scores.flatten(1)[:, :-1].view(B, N - 1, N + 1)[:, :, 1:]  # all but the diagonal, in order
    return scores.diagonal(dim1=1, dim2=2).reshape(B * N), others.reshape(B * N, N - 1)
