"""NPID: Wu et al. 2018, Unsupervised Feature Learning via Non-Parametric Instance Discrimination.

One view: the key of an image is its entry in a memory bank, and negatives are other entries.
"""

import math

import torch
from torch import Tensor

from contrastive_lab import distributed
from contrastive_lab.competition import Causes
from contrastive_lab.dataset.module import Batch
from contrastive_lab.encoder import Encoder
from contrastive_lab.losses import nce
from contrastive_lab.method.base import ContrastiveModule
from contrastive_lab.negatives import Bank, from_bank
from contrastive_lab.objective import Objective
from contrastive_lab.optim import Optim
from contrastive_lab.own_class import OwnClass, own_class
from contrastive_lab.pairs import Chosen, Pairs, Part, row_cosines


class NPID(ContrastiveModule[Pairs]):
    """Queries against a memory bank with an entry for each of the n `images`, `bank_momentum` in [0, 1].

    K entries are chosen for each query, uniformly and with replacement, its own among them if `positive_drawn`, as in
    the authors' code; None is the softmax over all other entries. `proximal` is the weight of |query - entry|^2 (Sec.
    3.3). The `objective` may also be named "nce", the published form with a constant Z taken from the first batch.
    """

    log_normaliser: Tensor

    def __init__(
        self,
        encoder: Encoder,
        images: int,
        K: int | None = 4096,
        alpha: float | None = None,
        tau: float = 0.07,
        bank_momentum: float = 0.5,
        proximal: float = 0.0,
        positive_drawn: bool = False,
        optim: Optim | None = None,
        seed: int = 0,
        objective: Objective | None = None,
        own_class_share: float | None = None,
    ) -> None:
        super().__init__(encoder, tau, alpha, optim, seed, objective)
        self.K, self.proximal, self.positive_drawn, self.own_class_share = K, proximal, positive_drawn, own_class_share
        self.bank = Bank(images, encoder.dim, bank_momentum, seed)
        self.register_buffer("log_normaliser", torch.zeros(()))  # 0 until the first step of "nce"
        self._own_class: OwnClass | None = None  # kept, as it sorts all images by class
        self._new: tuple[Tensor, Tensor] | None = None

    def pairs(self, batch: Batch) -> Pairs:
        """N queries against the bank as it was before this batch; N more for every small view."""
        features, queries = self.encoder.forward_views(batch.views)
        entries, chosen = self.bank.entries, self._chosen(batch)
        own = entries[batch.ids]
        self._new = (distributed.gather(queries[0].detach()), distributed.gather(batch.ids))
        return Pairs([
            Part(q, row_cosines(q, own), batch.ids, entries, self.bank.ids, chosen, h)
            for h, q in zip(features, queries, strict=True)
        ])  # fmt: skip

    def losses(self, pairs: Pairs) -> Tensor:
        """The published NCE or the loss of the objective, plus the proximal term, (n,)."""
        losses = (
            self._nce(pairs) if self.objective.name == "nce" else self.objective.losses(pairs, self.tau, self.alpha)
        )
        return losses + self.proximal * (2 - 2 * pairs.pos)

    @property
    def loss_is_infonce(self) -> bool:
        """Whether log(1 + alpha) - loss estimates the mutual information."""
        return super().loss_is_infonce and self.proximal == 0

    def diagnose(self, pairs: Pairs, losses: Tensor, batch: Batch) -> dict[str, Tensor]:
        """With NCE or a proximal term those of InfoNCE all the same, but for the causes, which NCE has not."""
        of_nce, objective = self.objective.name == "nce", self.objective
        if of_nce or self.proximal:
            objective = Objective(sets=self.objective.sets)
            losses = objective.losses(pairs, self.tau, self.alpha)
        told = objective.diagnose(pairs, losses, self.tau, self.alpha, batch.classes)
        return {name: value for name, value in told.items() if not (of_nce and name in Causes._fields)}

    def after_step(self) -> None:
        """Write the batch's vectors into the bank."""
        assert self._new is not None
        self.bank.write(*self._new)

    def _chosen(self, batch: Batch) -> Chosen:
        """Entries of the negatives."""
        images = len(self.bank.entries)
        if (drawn := self.objective.keys(self.K)) is not None:
            if self._own_class is None:
                self._own_class = own_class(self.own_class_share, batch.classes, sets=self.objective.sets)
            return Chosen(from_bank(batch.random, batch.ids, drawn, images, self.positive_drawn, self._own_class))
        return Chosen(self.bank.ids[None, :-1], batch.ids, images)

    def _nce(self, pairs: Pairs) -> Tensor:
        """NCE with Z, n times the mean of exp(cosine / tau), from the first batch of all processes."""
        images, log_Z = len(self.bank.entries), self.log_normaliser
        if self.global_step == 0:
            now = self._log_mean(pairs) + math.log(images)
            log_Z.copy_(torch.where(log_Z == 0, now.to(log_Z.dtype), log_Z))
        return self.objective.mean_over_sets(pairs, lambda pos, neg: nce(pos, neg, self.tau, images, log_Z))

    @torch.no_grad()
    def _log_mean(self, pairs: Pairs) -> Tensor:
        """Log of the mean of exp(cosine / tau) over the negatives of all processes."""
        rows = [(part.neg(rows).double() / self.tau).logsumexp(dim=1) for part, rows in pairs.blocks()]
        every = distributed.gather(torch.cat(rows))
        return every.logsumexp(dim=0) - math.log(len(every) * pairs.K)
