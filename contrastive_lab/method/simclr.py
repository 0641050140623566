"""SimCLR: Chen et al. 2020, Algorithm 1 (NT-Xent).

One encoder gives queries and keys, and gradient flows through both. The loss is the mean over the 2N anchors; the
reference code adds the means of the two directions, which is twice that.
"""

from typing import Literal

import torch
from torch import Tensor

from contrastive_lab import distributed
from contrastive_lab.dataset.module import Batch
from contrastive_lab.diagnostics import diagnose
from contrastive_lab.encoder import Encoder
from contrastive_lab.losses import info_nce
from contrastive_lab.method.base import ContrastiveModule
from contrastive_lab.negatives import NegativesPer, from_batch
from contrastive_lab.optim import Optim
from contrastive_lab.pairs import Pairs, from_keys, joined


class SimCLR(ContrastiveModule[Pairs]):
    """2N anchors, each against its other view and against views of other images.

    Args:
        K: negatives of an anchor; None takes the whole pool.
        pool: "2N-2", both views of the other images, or "N-1", the other view alone.
        negatives_per: "query" chooses negatives for every anchor by itself, "batch" once per step.
        encoder, alpha, tau, optim, seed: see `ContrastiveModule`.
    """

    def __init__(
        self,
        encoder: Encoder,
        K: int | None = None,
        alpha: float | None = None,
        tau: float = 0.1,
        pool: Literal["2N-2", "N-1"] = "2N-2",
        negatives_per: NegativesPer = "query",
        optim: Optim | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(encoder, tau, alpha, optim, seed)
        self.K, self.pool, self.negatives_per = K, pool, negatives_per

    def pairs(self, batch: Batch) -> Pairs:
        """2N anchors, those of the first view before those of the second; N more for every small view."""
        features, views = self.encoder.forward_views(batch.views)
        keys = [distributed.gather(z) for z in views[:2]]
        return joined([self._direction(batch, features[this], views, keys, this) for this in range(len(views))])

    def losses(self, pairs: Pairs) -> Tensor:
        """InfoNCE with EqCo's margin, (n,)."""
        return info_nce(pairs.pos, pairs.neg, self.tau, self.alpha, reduction="none")

    def diagnose(self, pairs: Pairs, losses: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Diagnostics of cosines with positives and negatives."""
        return diagnose(pairs, losses, self.tau, self.alpha, batch.classes)

    def _direction(self, batch: Batch, features: Tensor, views: list[Tensor], keys: list[Tensor], this: int) -> Pairs:
        """The anchors of one view; their keys are those of the other view, of the first for small views."""
        other = 1 if this == 0 else 0
        anchor = views[this].view_as(views[this])  # an alias: the gradient at it is that of the query alone
        pool = [keys[other]] if self.pool == "N-1" else keys
        chosen = from_batch(batch.random, self.K, len(pool), self.negatives_per, f"negatives/{this}", anchor.device)
        pos, neg = from_keys(anchor, views[other], torch.cat(pool), chosen)
        ids = distributed.gather(batch.ids).repeat(len(pool))
        return Pairs(pos, neg, [anchor], batch.ids, ids[chosen], features)
