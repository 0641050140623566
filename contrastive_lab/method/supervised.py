"""Learning from labels: the supervised baseline, and fine-tuning, which starts from the weights of another run."""

from typing import NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from contrastive_lab import distributed
from contrastive_lab.dataset.module import Batch
from contrastive_lab.diagnostics import spread
from contrastive_lab.encoder import Encoder
from contrastive_lab.losses import at_least_float32
from contrastive_lab.method.base import ContrastiveModule
from contrastive_lab.optim import Optim
from contrastive_lab.randomness import generator


class Logits(NamedTuple):
    """Class scores (n, C), labels (n,) and features (n, F)."""

    scores: Tensor
    labels: Tensor
    features: Tensor


class Supervised(ContrastiveModule[Logits]):
    """A linear classifier of C `classes` on the backbone's features, trained with it; the head is not used.

    Where the backbone is `frozen`, it stays in eval mode and as it is, and the classifier alone is trained.
    """

    def __init__(
        self, encoder: Encoder, classes: int, optim: Optim | None = None, seed: int = 0, frozen: bool = False
    ) -> None:
        super().__init__(encoder, 1.0, None, optim, seed)
        self.frozen = frozen
        (encoder if frozen else encoder.head).requires_grad_(False)
        self.classifier = nn.Linear(encoder.features, classes)
        nn.init.normal_(self.classifier.weight, std=0.01, generator=generator(seed, "classifier"))
        nn.init.zeros_(self.classifier.bias)

    def train(self, mode: bool = True) -> Self:
        """Set the mode of all modules but of a frozen encoder, whose running statistics stay."""
        super().train(mode)
        self.encoder.train(mode and not self.frozen)
        return self

    def pairs(self, batch: Batch) -> Logits:
        """Class scores of every view."""
        assert batch.classes is not None
        features, _ = self.encoder.forward_views(batch.views)
        labels = batch.classes[batch.ids].repeat(len(features))
        return Logits(self.classifier(torch.cat(features)), labels, features[0])

    def losses(self, pairs: Logits) -> Tensor:
        """Cross-entropy, (n,)."""
        return F.cross_entropy(at_least_float32(pairs.scores), pairs.labels, reduction="none")

    def diagnose(self, pairs: Logits, losses: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Accuracy on the batch in percent, and the rank of the features."""
        hits = (pairs.scores.argmax(dim=1) == pairs.labels).double().mean()
        return {"train_top1": 100 * distributed.mean(hits), **spread(pairs.features, unit=False)}
