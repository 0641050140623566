"""The yardstick with labels: cross-entropy with the same backbone, augmentation and schedule."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from contrastive_lab import distributed
from contrastive_lab.dataset.module import Batch
from contrastive_lab.diagnostics import effective_rank
from contrastive_lab.encoder import Encoder
from contrastive_lab.errors import ConfigError
from contrastive_lab.losses import at_least_float32
from contrastive_lab.method.base import ContrastiveModule
from contrastive_lab.optim import Optim
from contrastive_lab.randomness import generator


class Logits(NamedTuple):
    """Class scores (n, C), labels (n,) and features (n, F)."""

    scores: Tensor
    labels: Tensor
    features: Tensor


class Supervised(ContrastiveModule):
    """A linear classifier on the backbone's features, trained with it.

    Args:
        encoder: the encoder; its head is not used.
        optim: optimizer and schedule.
        seed: of the classifier's start.
    """

    def __init__(self, encoder: Encoder, optim: Optim | None = None, seed: int = 0) -> None:
        super().__init__(encoder, 1.0, None, optim, seed)
        encoder.head.requires_grad_(False)

    def setup(self, stage: str) -> None:
        """Make a classifier of as many classes as the data set has."""
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        if not data.splits.classes or data.splits.pretrain.labels is None:
            raise ConfigError("method=supervised: this data set has no labels to learn from")
        self.make_classifier(data.splits.classes)

    def make_classifier(self, classes: int) -> None:
        """Make a classifier of `classes` classes."""
        weight = 0.01 * torch.randn(classes, self.encoder.features, generator=generator(self.seed, "classifier"))
        self.classifier = nn.Linear(self.encoder.features, classes)
        self.classifier.load_state_dict({"weight": weight, "bias": torch.zeros(classes)})

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
        everyone = distributed.gather(pairs.features.detach())
        return {
            "train_top1": 100 * distributed.mean(hits),
            "effective_rank": effective_rank(everyone),
            "dimensions": torch.tensor(float(everyone.shape[1])),
        }
