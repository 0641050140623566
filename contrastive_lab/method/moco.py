"""MoCo v1 and v2: He et al. 2020, Algorithm 1; Chen et al. 2020. They differ in head, views, tau and schedule alone.

Two differences from the reference code: the momentum encoder and the queue change after the optimizer step instead of
inside the forward pass (it shows in the first step only), and K need not be a multiple of the batch.
"""

from torch import Tensor

from contrastive_lab import distributed
from contrastive_lab.batchnorm import Kind
from contrastive_lab.dataset.module import Batch
from contrastive_lab.encoder import Encoder
from contrastive_lab.errors import choice
from contrastive_lab.method.base import ContrastiveModule
from contrastive_lab.momentum import KeyEncoder
from contrastive_lab.negatives import Queue
from contrastive_lab.objective import Objective
from contrastive_lab.optim import Optim
from contrastive_lab.pairs import Pairs, Part, row_cosines


class MoCo(ContrastiveModule[Pairs]):
    """Queries from one view, keys of a momentum encoder from the other, negatives from a queue of K older keys a set.

    With `symmetric` each view is query once and key once; the loss is the mean over both (MoCo's CIFAR notebook takes
    the sum: double the learning rate to do as it does), and both views' keys enter the queue.
    """

    def __init__(
        self,
        encoder: Encoder,
        K: int = 65536,
        alpha: float | None = None,
        tau: float = 0.2,
        momentum: float = 0.999,
        symmetric: bool = False,
        batchnorm: Kind = "shuffle",
        optim: Optim | None = None,
        seed: int = 0,
        objective: Objective | None = None,
    ) -> None:
        super().__init__(encoder, tau, alpha, optim, seed, objective)
        self.symmetric = symmetric
        self.key_encoder = KeyEncoder(encoder, momentum, shuffle=choice("batchnorm", batchnorm, Kind) == "shuffle")
        self.queue = Queue(K * self.objective.sets, encoder.dim, seed)
        self._new: list[tuple[Tensor, Tensor]] = []

    def pairs(self, batch: Batch) -> Pairs:
        """N queries (2N if symmetric) against the queue as it was before this batch; N more for every small view."""
        self._new = []
        first, second, *small = batch.views
        parts = self._direction(batch, [first, *small], second)
        return Pairs(parts + self._direction(batch, [second], first) if self.symmetric else parts)

    def losses(self, pairs: Pairs) -> Tensor:
        """InfoNCE with EqCo's margin, or the loss that was chosen."""
        return self.objective.losses(pairs, self.tau, self.alpha)

    def diagnose(self, pairs: Pairs, losses: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Diagnostics of cosines with positives and negatives."""
        return self.objective.diagnose(pairs, losses, self.tau, self.alpha, batch.classes)

    def _direction(self, batch: Batch, query_views: list[Tensor], key_view: Tensor) -> list[Part]:
        features, queries = self.encoder.forward_views(query_views)
        keys = self.key_encoder(key_view, batch.random)
        self._new.append((keys, distributed.gather(batch.ids)))
        own, queue = keys[batch.random.rows], self.queue
        return [
            Part(q, row_cosines(q, own), batch.ids, queue.keys, queue.ids, None, h)
            for h, q in zip(features, queries, strict=True)
        ]

    def after_step(self) -> None:
        """Update the key encoder and put the batch's keys into the queue."""
        self.key_encoder.follow(self.encoder)
        for keys, ids in self._new:
            self.queue.push(keys, ids)
