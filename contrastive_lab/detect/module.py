"""The LightningModule of a detector: its losses, optimizer and logging."""

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from contrastive_lab import distributed
from contrastive_lab.detect.data import SceneBatch
from contrastive_lab.detect.network import Detector
from contrastive_lab.method.base import log_epoch, log_step, scheduled
from contrastive_lab.optim import Optim


class DetectionModule(pl.LightningModule):
    """Trains a detector by the sum of its four losses."""

    epoch_loss: Tensor

    def __init__(self, detector: Detector, optim: Optim) -> None:
        super().__init__()
        self.detector, self.optim = detector, optim
        self.register_buffer("epoch_loss", torch.zeros(2))  # sum and count of this epoch's steps, kept on resume

    def forward(self, batch: SceneBatch) -> dict[str, Tensor]:
        """The four losses, each the mean over the images of this process."""
        return self.detector.losses(batch.views, batch.targets, batch.random)

    def training_step(self, batch: SceneBatch, batch_idx: int) -> Tensor:
        """One step; returns the loss, the mean over the images of this process."""
        losses = self(batch)
        loss = torch.stack([*losses.values()]).sum()
        parts = {f"loss_{name}": value.detach() for name, value in losses.items()}
        log_step(self, loss.detach(), len(batch.ids), lambda: {k: distributed.mean(v) for k, v in parts.items()})
        return loss

    def configure_optimizers(self) -> Any:
        """The optimizer of whatever has gradients."""
        return scheduled(self, self.optim)

    def on_train_epoch_end(self) -> None:
        """Log the mean loss of the epoch."""
        log_epoch(self)
