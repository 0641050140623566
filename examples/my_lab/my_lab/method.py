"""Decoupled contrastive learning: Yeh et al. 2022, Decoupled Contrastive Learning, Eq. 6, over K negatives."""

import torch
from torch import Tensor

from contrastive_lab import Batch, ContrastiveModule, Encoder, Optim, Pairs, Part, distributed, from_batch, row_cosines


class Mine(ContrastiveModule[Pairs]):
    """One encoder; the first view against K second views of other images, small views as further queries."""

    def __init__(
        self,
        encoder: Encoder,
        K: int | None = None,
        tau: float = 0.1,
        repulsion: float = 1.0,
        optim: Optim | None = None,
    ) -> None:
        super().__init__(encoder, tau, optim=optim)
        self.K, self.repulsion = K, repulsion

    def pairs(self, batch: Batch) -> Pairs:
        """Cosines of each query with its key and with K keys of other images."""
        features, views = self.encoder.forward_views(batch.views)
        keys, ids, parts = distributed.gather(views[1]), distributed.gather(batch.ids), []
        for view in (0, *range(2, len(views))):
            chosen = from_batch(batch.random, self.K, purpose=f"negatives/{view}", device=ids.device)
            pos = row_cosines(views[view], views[1])
            parts.append(Part(views[view], pos, batch.ids, keys, ids, chosen, features[view]))
        return Pairs(parts)

    def losses(self, pairs: Pairs) -> Tensor:
        """Repulsion from the negatives and attraction to the key, which is not among them as in InfoNCE."""
        return self.repulsion * torch.logsumexp(pairs.neg / self.tau, dim=1) - pairs.pos / self.tau

    def diagnose(self, pairs: Pairs, losses: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Cosines, gradient norm and spread; nothing of InfoNCE, since this class takes no objective."""
        return self.objective.diagnose(pairs, losses, self.tau, None, batch.classes)
