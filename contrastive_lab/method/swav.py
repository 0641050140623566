"""SwAV: Caron et al. 2020, Unsupervised Learning of Visual Features by Contrasting Cluster Assignments.

No negatives, so no K and no alpha. Two tensors all the same: scores (n, P) of a view with the prototypes, and codes
(n, P) of another view of the same images.
"""

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from contrastive_lab import distributed
from contrastive_lab.assignment import sinkhorn
from contrastive_lab.dataset.module import Batch
from contrastive_lab.diagnostics import spread
from contrastive_lab.encoder import Encoder, cosines
from contrastive_lab.losses import swap
from contrastive_lab.method.base import ContrastiveModule
from contrastive_lab.negatives import Queue
from contrastive_lab.optim import Optim
from contrastive_lab.randomness import generator


class Codes(NamedTuple):
    """What SwAV's loss takes: m rows, one for each image and each pair of a view with a code of another."""

    scores: Tensor  # (m, P) cosines with the prototypes
    codes: Tensor  # (m, P)
    vectors: Tensor  # (n, D) unit vectors of the first view
    features: Tensor  # (n, F)


class SwAV(ContrastiveModule[Codes]):
    """Every view predicts the codes of the first two, by P `prototypes`; `epsilon` and the iterations as `sinkhorn`.

    A `queue` of that many older vectors of each of the first two views lengthens the batch for the codes once it is
    full; they are collected from the epoch `queue_from_epoch` on. The prototypes stay as they are for the first
    `freeze_epochs`, 0 or more and perhaps a part of one.
    """

    def __init__(
        self,
        encoder: Encoder,
        tau: float = 0.1,
        prototypes: int = 3000,
        epsilon: float = 0.05,
        sinkhorn_iterations: int = 3,
        queue: int = 3840,
        queue_from_epoch: int = 15,
        freeze_epochs: float = 1.0,
        optim: Optim | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(encoder, tau, None, optim, seed)
        self.epsilon, self.sinkhorn_iterations = epsilon, sinkhorn_iterations
        self.queue_from_epoch, self.freeze_epochs = queue_from_epoch, freeze_epochs
        start = torch.randn(prototypes, encoder.dim, generator=generator(seed, "prototypes"))
        self.prototypes = nn.Parameter(F.normalize(start, dim=1))
        self.queues = nn.ModuleList(Queue(queue, encoder.dim, seed + view) for view in range(2 if queue else 0))
        self._new: list[tuple[Tensor, Tensor]] = []

    def pairs(self, batch: Batch) -> Codes:
        """Scores of every view with the codes of the first two, each where the two views differ."""
        features, vectors = self.encoder.forward_views(batch.views)
        scores = [cosines(z, self.prototypes) for z in vectors]
        ids = distributed.gather(batch.ids)
        self._new = [(distributed.gather(z.detach()), ids) for z in vectors[:2]]
        codes = [self._codes(view, batch) for view in range(2)]
        pairs = [(scores[v], codes[view]) for view in range(2) for v in range(len(scores)) if v != view]
        of_view, of_other = (torch.cat(parts) for parts in zip(*pairs, strict=True))
        return Codes(of_view, of_other, vectors[0], features[0])

    def losses(self, pairs: Codes) -> Tensor:
        """The swapped prediction, (m,)."""
        return swap(pairs.scores, pairs.codes, self.tau)

    def diagnose(self, pairs: Codes, losses: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Spread of the vectors, and how many prototypes the codes use (the exponential of their mean's entropy)."""
        use = distributed.mean(pairs.codes.mean(dim=0))
        return {**spread(pairs.vectors), "prototypes_used": torch.exp(-torch.xlogy(use, use).sum())}

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Leave the prototypes out of the first steps."""
        if self.global_step < round(self.freeze_epochs * self.trainer.num_training_batches):
            self.prototypes.grad = None

    def after_step(self) -> None:
        """Normalise the prototypes and put the batch's vectors into the queues."""
        with torch.no_grad():
            self.prototypes.copy_(F.normalize(self.prototypes, dim=1))
        if self.queues and self.current_epoch >= self.queue_from_epoch:
            for queue, (vectors, ids) in zip(self.queues, self._new, strict=True):
                cast(Queue, queue).push(vectors, ids)

    def _codes(self, view: int, batch: Batch) -> Tensor:
        """Codes of this process's rows, (n, P), from the scores of all processes and of the queue if it is full."""
        vectors = self._new[view][0]
        queue = cast(Queue, self.queues[view]) if self.queues else None
        if queue is not None and bool((queue.ids >= 0).all()):
            vectors = torch.cat([queue.keys.to(vectors.dtype), vectors])
        scores = cosines(vectors, self.prototypes.detach())
        codes = sinkhorn(scores, self.epsilon, self.sinkhorn_iterations)
        return codes[-batch.random.size :][batch.random.rows]
