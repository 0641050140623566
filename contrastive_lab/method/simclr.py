"""SimCLR: Chen et al. 2020, Algorithm 1 (NT-Xent).

One encoder gives queries and keys, and gradient flows through both. The loss is the mean over the 2N anchors; the
reference code adds the means of the two directions, which is twice that.
"""

import torch
from torch import Tensor

from contrastive_lab import distributed
from contrastive_lab.dataset.module import Batch
from contrastive_lab.encoder import Encoder
from contrastive_lab.method.base import ContrastiveModule
from contrastive_lab.negatives import from_batch
from contrastive_lab.objective import Objective
from contrastive_lab.optim import Optim
from contrastive_lab.own_class import own_class
from contrastive_lab.pairs import Pairs, from_keys, joined


class SimCLR(ContrastiveModule[Pairs]):
    """2N anchors, each against its other view and against views of other images.

    Args:
        K: negatives of an anchor; None takes the whole pool.
        pool: "2N-2", both views of the other images, or "N-1", the other view alone.
        negatives_per: "query" chooses negatives for every anchor by itself, "batch" once per step.
        own_class_share: share of the negatives that are of the query's own class, in [0, 1]; None leaves it to chance.
        encoder, alpha, tau, optim, seed, objective: see `ContrastiveModule`.
    """

    def __init__(
        self,
        encoder: Encoder,
        K: int | None = None,
        alpha: float | None = None,
        tau: float = 0.1,
        pool: str = "2N-2",
        negatives_per: str = "query",
        optim: Optim | None = None,
        seed: int = 0,
        objective: Objective | None = None,
        own_class_share: float | None = None,
    ) -> None:
        super().__init__(encoder, tau, alpha, optim, seed, objective)
        self.K, self.pool = K, pool
        self.negatives_per, self.own_class_share = negatives_per, own_class_share

    def pairs(self, batch: Batch) -> Pairs:
        """2N anchors, those of the first view before those of the second; N more for every small view."""
        features, views = self.encoder.forward_views(batch.views)
        keys, ids = [distributed.gather(z) for z in views[:2]], distributed.gather(batch.ids)
        parts = [self._direction(batch, features[this], views, keys, ids, this) for this in range(len(views))]
        return joined(parts)

    def losses(self, pairs: Pairs) -> Tensor:
        """InfoNCE with EqCo's margin, or the loss that was chosen, (n,)."""
        return self.objective.losses(pairs, self.tau, self.alpha)

    def diagnose(self, pairs: Pairs, losses: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Diagnostics of cosines with positives and negatives."""
        return self.objective.diagnose(pairs, losses, self.tau, self.alpha, batch.classes)

    def _direction(
        self, batch: Batch, features: Tensor, views: list[Tensor], keys: list[Tensor], ids: Tensor, this: int
    ) -> Pairs:
        """The anchors of one view; their keys are those of the other view, of the first for small views."""
        other = 1 if this == 0 else 0
        anchor = views[this].view_as(views[this])  # an alias: the gradient at it is that of the query alone
        pool = [keys[other]] if self.pool == "N-1" else keys
        drawn, device = self.objective.keys(self.K), anchor.device
        own = own_class(self.own_class_share, batch.classes, ids, self.objective.sets)
        chosen = from_batch(batch.random, drawn, len(pool), self.negatives_per, f"negatives/{this}", device, own)
        possible, key_ids = torch.cat(pool), ids.repeat(len(pool))
        pos, neg = from_keys(anchor, views[other], possible, chosen)
        return Pairs(pos, neg, [anchor], batch.ids, key_ids[chosen], features, possible, key_ids)
