"""SupCon: Khosla et al. 2020, Supervised Contrastive Learning. Positives are the views of the same class."""

from typing import NamedTuple

import torch
from torch import Tensor

from contrastive_lab import distributed
from contrastive_lab.blocks import values_of_rows
from contrastive_lab.dataset.module import Batch
from contrastive_lab.diagnostics import spread
from contrastive_lab.encoder import Encoder
from contrastive_lab.losses import supcon
from contrastive_lab.method.base import ContrastiveModule
from contrastive_lab.optim import Optim


class Similarities(NamedTuple):
    """The m views of this process's n images against all M views."""

    views: Tensor  # (m, D) unit rows
    keys: Tensor  # (M, D) unit rows
    labels: Tensor  # (M,) class of each key
    own: Tensor  # (m,) number of each view among the M
    vectors: Tensor  # (n, D) unit vectors of the first view
    features: Tensor  # (n, F)


class SupCon(ContrastiveModule[Similarities]):
    """Every view against all views of all images; those of its class are positives."""

    def __init__(self, encoder: Encoder, tau: float = 0.1, optim: Optim | None = None, seed: int = 0) -> None:
        super().__init__(encoder, tau, None, optim, seed)

    def pairs(self, batch: Batch) -> Similarities:
        """Every view of this process and every view of all."""
        assert batch.classes is not None
        features, views = self.encoder.forward_views(batch.views)
        labels = batch.classes[distributed.gather(batch.ids)].repeat(len(views))
        keys = torch.cat([distributed.gather(z) for z in views])
        first = torch.arange(len(views), device=keys.device)[:, None] * batch.random.size + batch.random.start
        own = (first + torch.arange(batch.random.count, device=keys.device)).flatten()
        return Similarities(torch.cat(views), keys, labels, own, views[0], features[0])

    def losses(self, pairs: Similarities) -> Tensor:
        """L_out, (m,)."""

        def of_rows(_: Tensor, cosines: Tensor, rows: slice) -> Tensor:
            own = pairs.own[rows]
            positives = (pairs.labels[own, None] == pairs.labels).scatter(1, own[:, None], value=False)
            return supcon(cosines, positives, own, self.tau)

        return values_of_rows(torch.zeros_like(pairs.views[:, 0]), pairs.views, pairs.keys, None, of_rows)

    def diagnose(self, pairs: Similarities, losses: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Spread of the vectors."""
        return spread(pairs.vectors)
