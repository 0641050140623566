"""The momentum encoder of MoCo and SiMo."""

import copy
from typing import cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from contrastive_lab.distributed import gather
from contrastive_lab.randomness import StepRandom, to_device


class KeyEncoder(nn.Module):
    """A copy of the query encoder that follows it slowly and gives keys without gradient.

    `momentum` is the share kept at each step, 0 (a plain copy) to 1 (never changes); ValueError beyond. Only parameters
    are averaged: the statistics of batch normalisation come from the copy's own forward passes, in train mode, as in
    MoCo's reference code. `shuffle` permutes the images over the groups of these (He et al. 2020, Sec. 3.3).
    """

    def __init__(self, encoder: nn.Module, momentum: float, shuffle: bool = False) -> None:
        super().__init__()
        if not 0 <= momentum <= 1:
            raise ValueError(f"momentum must lie in [0, 1], not {momentum}")
        self.encoder = copy.deepcopy(encoder).requires_grad_(False)
        self.momentum, self.shuffle = momentum, shuffle

    @torch.no_grad()
    def forward(self, images: Tensor, random: StepRandom) -> Tensor:
        """Keys of the whole global batch, (N, D), in its order, from the images (n, 3, H, W) of this process."""
        if not self.shuffle:
            return gather(cast(Tensor, self.encoder(images)[1]))
        order = to_device(random.permutation("shuffle"), images.device)
        keys = gather(cast(Tensor, self.encoder(gather(images)[order[random.rows]])[1]))
        return keys[order.argsort()]

    def follow(self, encoder: nn.Module) -> None:
        """Move towards `encoder`: key <- momentum * key + (1 - momentum) * query (EqCo, Eq. 16)."""
        average = get_ema_multi_avg_fn(self.momentum)
        average(list(self.encoder.parameters()), list(encoder.parameters()), None)
