"""SimCLR: Chen et al. 2020, Algorithm 1 (NT-Xent).

One encoder gives queries and keys, and gradient flows through both. The loss is the mean over the 2N anchors; the
reference code adds the means of the two directions, which is twice that.
"""

from typing import Literal

import torch
from torch import Tensor

from contrastive_lab import distributed
from contrastive_lab.dataset.module import Batch
from contrastive_lab.encoder import Encoder
from contrastive_lab.errors import choice
from contrastive_lab.method.base import ContrastiveModule
from contrastive_lab.negatives import NegativesPer, from_batch
from contrastive_lab.objective import Objective
from contrastive_lab.optim import Optim
from contrastive_lab.own_class import own_class
from contrastive_lab.pairs import Pairs, Part, row_cosines

Pool = Literal["2N-2", "N-1"]


class SimCLR(ContrastiveModule[Pairs]):
    """2N anchors, each against its other view and against K views of other images.

    The `pool` of these is "2N-2", both views of the other images, or "N-1", the other view alone.
    """

    def __init__(
        self,
        encoder: Encoder,
        K: int | None = None,
        alpha: float | None = None,
        tau: float = 0.1,
        pool: Pool = "2N-2",
        negatives_per: NegativesPer = "query",
        optim: Optim | None = None,
        seed: int = 0,
        objective: Objective | None = None,
        own_class_share: float | None = None,
    ) -> None:
        super().__init__(encoder, tau, alpha, optim, seed, objective)
        self.K, self.pool = K, choice("pool", pool, Pool)
        self.negatives_per, self.own_class_share = negatives_per, own_class_share

    def pairs(self, batch: Batch) -> Pairs:
        """2N anchors, those of the first view before those of the second; N more for every small view."""
        features, views = self.encoder.forward_views(batch.views)
        keys, ids = [distributed.gather(z) for z in views[:2]], distributed.gather(batch.ids)
        sets, per, device = self.objective.sets, self.negatives_per, ids.device
        own, drawn = own_class(self.own_class_share, batch.classes, ids, sets), self.objective.keys(self.K)
        parts = []
        for this, (h, z) in enumerate(zip(features, views, strict=True)):
            other = 1 if this == 0 else 0  # the first view is that of the small ones, too
            anchor = z.view_as(z)  # an alias: the gradient at it is that of the query alone
            pool = [keys[other]] if self.pool == "N-1" else keys
            chosen = from_batch(batch.random, drawn, len(pool), per, f"negatives/{this}", device, own, sets)
            possible, key_ids = torch.cat(pool), ids.repeat(len(pool))
            pos = row_cosines(anchor, views[other])
            parts.append(Part(anchor, pos, batch.ids, possible, key_ids, chosen, h))
        return Pairs(parts)

    def losses(self, pairs: Pairs) -> Tensor:
        """InfoNCE with EqCo's margin, or the loss that was chosen."""
        return self.objective.losses(pairs, self.tau, self.alpha)

    def diagnose(self, pairs: Pairs, losses: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Diagnostics of cosines with positives and negatives."""
        return self.objective.diagnose(pairs, losses, self.tau, self.alpha, batch.classes)
