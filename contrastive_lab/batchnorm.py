"""Batch normalisation whose result does not depend on the number of processes.

- sync: the statistics of the global batch.
- split: the statistics of `groups` equal groups of the global batch, each of consecutive rows.
- shuffle: split, with the key images permuted over the groups (the permutation is `momentum.KeyEncoder`'s).
- plain: the statistics of the rows that each process holds.

A ValueError names another kind, groups that cannot be shared out over the processes, or rows over the groups.
"""

from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from contrastive_lab import distributed
from contrastive_lab.errors import choice
from contrastive_lab.losses import at_least_float32

Kind = Literal["sync", "split", "shuffle", "plain"]


def convert(module: nn.Module, kind: Kind, groups: int = 8, world_size: int = 1, accelerator: str = "cpu") -> nn.Module:
    """Replace every batch normalisation of a network, in place, by one of the given kind, parameters kept.

    `groups`, of the global batch for "split" and "shuffle", are a multiple of the `world_size` processes that will run
    it. `accelerator` is "cpu" or another: torch's own SyncBatchNorm takes no CPU tensors.
    """
    choice("batchnorm", kind, Kind)
    if kind in ("split", "shuffle"):
        if groups % world_size:
            raise ValueError(f"batchnorm.groups={groups} is not a multiple of the {world_size} processes")
        return _replace(module, groups // world_size)
    if kind != "sync" or world_size == 1:
        return module
    if accelerator == "cpu":
        return _replace(module, None)
    import timm.layers  # only here: it takes seconds to import

    return cast(nn.Module, timm.layers.convert_sync_batchnorm(module))  # keeps timm's activations, torch's does not


class GlobalBatchNorm(nn.Module):
    """Batch normalisation, in place of `like`, over `groups` of this process's rows or over the rows of all processes.

    With `groups` = None the moments are those of the global batch, summed by a differentiable all-reduce; else each
    group is normalised by itself, and the running statistics are the mean over all groups of all processes.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, like: nn.BatchNorm1d | nn.BatchNorm2d, groups: int | None) -> None:
        super().__init__()
        self.groups, self.eps, self.momentum = groups, like.eps, like.momentum or 0.1
        self.weight, self.bias = like.weight, like.bias
        for name, buffer in like.named_buffers():
            self.register_buffer(name, buffer)
        # timm's normalisations hold the activation that follows them.
        self.act = nn.Sequential(*(getattr(like, part) for part in ("drop", "act") if hasattr(like, part)))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x, (n, C) or (n, C, H, W), of which n is a multiple of `groups` in training."""
        if not self.training:
            y = F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        else:
            y = self._over_processes(x) if self.groups is None else self._by_group(x, self.groups)
        return cast(Tensor, self.act(y))

    def _by_group(self, x: Tensor, groups: int) -> Tensor:
        """Each group by torch's own kernel, which with momentum 1 writes the group's statistics into its buffers."""
        if len(x) % groups:
            raise ValueError(f"batch normalisation in {groups} groups needs a multiple of them, not {len(x)} rows")
        means, variances = moments = self.running_mean.new_zeros(2, groups, x.shape[1])
        parts = [
            F.batch_norm(rows, mean, var, self.weight, self.bias, training=True, momentum=1.0, eps=self.eps)
            for rows, mean, var in zip(x.chunk(groups), means, variances, strict=True)
        ]
        self._track(*distributed.mean(moments.mean(dim=1)))
        return torch.cat(parts)

    def _over_processes(self, x: Tensor) -> Tensor:
        rows = x.movedim(1, -1).reshape(-1, x.shape[1])  # no copy for images in channels_last
        exact = at_least_float32(rows)
        mean = distributed.mean(exact.mean(dim=0))
        var = distributed.mean((exact - mean).square().mean(dim=0))
        count = len(rows) * distributed.world_size()
        self._track(mean, var * (count / max(count - 1, 1)))
        scale = (var + self.eps).rsqrt()
        scale = scale if self.weight is None else scale * self.weight
        shift = -mean * scale if self.bias is None else self.bias - mean * scale
        y = torch.addcmul(shift.to(x.dtype), rows, scale.to(x.dtype))
        return y.reshape(x.movedim(1, -1).shape).movedim(-1, 1)

    @torch.no_grad()
    def _track(self, mean: Tensor, unbiased: Tensor) -> None:
        """Move the running statistics towards the batch's mean and unbiased variance, each (C,)."""
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)
        self.num_batches_tracked.add_(1)


def _replace(module: nn.Module, groups: int | None) -> nn.Module:
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        return GlobalBatchNorm(module, groups)
    for name, child in module.named_children():
        setattr(module, name, _replace(child, groups))
    return module
