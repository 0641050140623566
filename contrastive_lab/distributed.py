"""Collectives over the processes of a run; with one process each is the identity.

Gradients: every process computes the mean loss of its own rows, and DDP averages the parameters' gradients over the
processes. With the backward passes below, the result equals the gradient of one process that holds the whole batch.
"""

import time
from typing import Any, cast

import torch
import torch.distributed as dist
from pytorch_lightning.utilities.rank_zero import rank_zero_only
from torch import Tensor

POLL = 0.001  # seconds between two looks whether the others are here


def world_size() -> int:
    """Number of processes."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def is_first() -> bool:
    """Whether this is the process that prints and writes files; also true before the processes know each other."""
    return int(getattr(rank_zero_only, "rank", 0) or 0) == 0


def rank() -> int:
    """Index of this process, from 0."""
    return dist.get_rank() if world_size() > 1 else 0


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        parts = [torch.empty_like(x) for _ in range(world_size())]
        dist.all_gather(parts, x)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        grad = grads[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(grad)
        return grad.chunk(world_size())[rank()]


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        x = x.clone()
        dist.all_reduce(x)
        return x

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return _Sum.forward(ctx, grads[0])


def gather(x: Tensor) -> Tensor:
    """Concatenate the rows of all processes in the order of their ranks: (n, ...) -> (N, ...), with gradient."""
    return cast(Tensor, _Gather.apply(x.contiguous())) if world_size() > 1 else x


def mean(x: Tensor) -> Tensor:
    """Mean of `x` over the processes, of the same shape, with gradient."""
    return cast(Tensor, _Sum.apply(x)) / world_size() if world_size() > 1 else x


def minimum(x: Tensor) -> Tensor:
    """The least value over the processes, element by element, without gradient."""
    if world_size() > 1:
        x = x.clone()
        dist.all_reduce(x, op=dist.ReduceOp.MIN)
    return x


def meet(device: torch.device) -> None:
    """Wait until all processes are here, in steps between which a signal can end this one.

    A collective itself waits outside of Python, as long as the slowest process takes to come to it.
    """
    if world_size() > 1:
        work = dist.all_reduce(torch.zeros(1, device=device), async_op=True)
        while not work.is_completed():
            time.sleep(POLL)
        work.wait()


def gather_objects(own: Any) -> list[Any]:
    """What each process has, in the order of their ranks; slow, for results at the end of an epoch."""
    parts = [own]
    if world_size() > 1:
        parts = [None] * world_size()
        dist.all_gather_object(parts, own)
    return parts


def leave() -> None:
    """Leave the group of processes, after the last collective: what is left to Python's exit may abort it."""
    if world_size() > 1:
        dist.destroy_process_group()
