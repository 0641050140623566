"""SiMo: Zhu et al. 2020, EqCo, Sec. 4.

A momentum encoder without a queue: the negatives of a query are the keys of the other images of the current batch.
The authors' code leaves the factor alpha / K out (its K and alpha are both 256) and takes one set of negatives per step
for all queries (`negatives_per="batch"`).
"""

from torch import Tensor

from contrastive_lab import distributed
from contrastive_lab.batchnorm import Kind
from contrastive_lab.dataset.module import Batch
from contrastive_lab.encoder import Encoder
from contrastive_lab.errors import choice
from contrastive_lab.method.base import ContrastiveModule
from contrastive_lab.momentum import KeyEncoder
from contrastive_lab.negatives import NegativesPer, from_batch
from contrastive_lab.objective import Objective
from contrastive_lab.optim import Optim
from contrastive_lab.own_class import own_class
from contrastive_lab.pairs import Pairs, Part, row_cosines


class SiMo(ContrastiveModule[Pairs]):
    """Queries from one view, keys of a momentum encoder from the other; K is at most N - 1."""

    def __init__(
        self,
        encoder: Encoder,
        K: int | None = 255,
        alpha: float | None = 256,
        tau: float = 0.2,
        momentum: float = 0.999,
        negatives_per: NegativesPer = "query",
        batchnorm: Kind = "sync",
        optim: Optim | None = None,
        seed: int = 0,
        objective: Objective | None = None,
        own_class_share: float | None = None,
    ) -> None:
        super().__init__(encoder, tau, alpha, optim, seed, objective)
        self.K, self.negatives_per, self.own_class_share = K, negatives_per, own_class_share
        self.key_encoder = KeyEncoder(encoder, momentum, shuffle=choice("batchnorm", batchnorm, Kind) == "shuffle")

    def pairs(self, batch: Batch) -> Pairs:
        """N queries against keys of the same batch; N more for every small view."""
        features, queries = self.encoder.forward_views([batch.views[0], *batch.views[2:]])
        keys, ids = self.key_encoder(batch.views[1], batch.random), distributed.gather(batch.ids)
        sets, per, device = self.objective.sets, self.negatives_per, ids.device
        own, drawn = own_class(self.own_class_share, batch.classes, ids, sets), self.objective.keys(self.K)
        parts = []
        for number, (h, query) in enumerate(zip(features, queries, strict=True)):
            chosen = from_batch(batch.random, drawn, 1, per, f"negatives/{number}", device, own, sets)
            pos = row_cosines(query, keys[batch.random.rows])
            parts.append(Part(query, pos, batch.ids, keys, ids, chosen, h))
        return Pairs(parts)

    def losses(self, pairs: Pairs) -> Tensor:
        """InfoNCE with EqCo's margin, or the loss that was chosen."""
        return self.objective.losses(pairs, self.tau, self.alpha)

    def diagnose(self, pairs: Pairs, losses: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Diagnostics of cosines with positives and negatives."""
        return self.objective.diagnose(pairs, losses, self.tau, self.alpha, batch.classes)

    def after_step(self) -> None:
        """Update the key encoder."""
        self.key_encoder.follow(self.encoder)
