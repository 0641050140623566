"""Values of queries, a block of rows at a time: memory of a loss and its gradient grows with n, and not with n M.

A block's cosines with its negatives are made, used and dropped. Where the keys have no gradient (those of a momentum
encoder, a queue, a bank), that at the query is taken then and there, so that a step multiplies no more than with all
cosines at once; else the cosines are made again in the backward pass. Few enough cosines are one block, without this.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from contrastive_lab.pairs import Chosen, Pairs, blocks, joined, negative_cosines

# Of positives (b,) and negatives (b, K) of some queries, and which of all n these are: one value per query (b,).
RowLoss = Callable[[Tensor, Tensor, slice], Tensor]


def by_rows(pairs: Pairs, loss: RowLoss) -> Tensor:
    """A loss of each query, (n,), that depends on its own positive and negatives alone; see `values_of_rows`."""
    values, start = [], 0
    for part in pairs.parts:
        values.append(values_of_rows(part.pos, part.query, part.keys, part.chosen, loss, start))
        start += len(part.query)
    return joined(values)


def values_of_rows(
    pos: Tensor, query: Tensor, keys: Tensor, chosen: Chosen | None, loss: RowLoss, start: int = 0
) -> Tensor:
    """A loss of queries (n, D) by their positives (n,) and the cosines with their chosen keys, (n,).

    The loss may be called more than once for a block, and has to give the same again. The first query has the number
    `start`.
    """
    work = _Work(loss, chosen, blocks(query, keys, chosen), start)
    if len(work.blocks) == 1:
        return work.values(work.blocks[0], pos, query, keys)
    return cast(Tensor, _Blocks.apply(work, pos, query, keys))


class _Work(NamedTuple):
    loss: RowLoss
    chosen: Chosen | None
    blocks: list[slice]
    start: int

    def values(self, rows: slice, pos: Tensor, query: Tensor, keys: Tensor) -> Tensor:
        neg = negative_cosines(query, keys, None if self.chosen is None else self.chosen.of(rows))
        return self.loss(pos, neg, slice(self.start + rows.start, self.start + rows.stop))

    def gradients(self, rows: slice, given: tuple[Tensor, ...], wanted: int, weights: Tensor | None) -> list[Tensor]:
        """The values of a block, and the gradients of their weighted sum at the first `wanted` of what is given."""
        inputs = [x.detach() for x in given]
        leaves = [x.requires_grad_() for x in inputs[:wanted]]
        with torch.enable_grad():
            values = self.values(rows, *inputs)
        weights = torch.ones_like(values) if weights is None else weights
        return [values.detach(), *torch.autograd.grad(values, leaves, weights, materialize_grads=True)]


class _Blocks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, work: _Work, pos: Tensor, query: Tensor, keys: Tensor) -> Tensor:
        needed = ctx.needs_input_grad[1:]
        ctx.work, ctx.again = work, needed[2]
        with_gradient = not ctx.again and any(needed)
        # Results stand in tensors made at the start: between blocks, they would keep the allocator from using memory
        # of one block for the next.
        of_pos, of_query, values = torch.empty_like(pos), torch.empty_like(query), None
        for rows in work.blocks:
            if with_gradient:
                own, of_pos[rows], of_query[rows] = work.gradients(rows, (pos[rows], query[rows], keys), 2, None)
            else:
                own = work.values(rows, pos[rows], query[rows], keys)
            values = own.new_empty(len(pos)) if values is None else values
            values[rows] = own
        ctx.save_for_backward(*((of_pos, of_query) if with_gradient else (pos, query, keys)))
        return cast(Tensor, values)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        weights = grads[0]
        if not ctx.again:
            of_pos, of_query = ctx.saved_tensors
            return None, weights * of_pos, weights[:, None] * of_query, None
        pos, query, keys = ctx.saved_tensors
        of_pos, of_query, of_keys = torch.empty_like(pos), torch.empty_like(query), torch.zeros_like(keys)
        for rows in ctx.work.blocks:
            found = ctx.work.gradients(rows, (pos[rows], query[rows], keys), 3, weights[rows])
            of_pos[rows], of_query[rows] = found[1:3]
            of_keys += found[3]
        return None, of_pos, of_query, of_keys
