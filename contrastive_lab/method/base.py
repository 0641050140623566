"""The one abstract LightningModule: optimizer, logging, and the order of a step. Methods fill in `pairs`."""

from abc import ABC, abstractmethod
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from contrastive_lab import distributed
from contrastive_lab.compat import logging_interval
from contrastive_lab.dataset.module import Batch
from contrastive_lab.diagnostics import diagnose
from contrastive_lab.encoder import Encoder
from contrastive_lab.losses import info_nce
from contrastive_lab.optim import Optim
from contrastive_lab.randomness import generator


class ContrastiveModule(pl.LightningModule, ABC):
    """Views -> pairs -> loss -> step -> `after_step`.

    Args:
        encoder: the query encoder.
        tau: temperature.
        alpha: EqCo's alpha; None means alpha = K.
        optim: optimizer and schedule; None means the defaults of `Optim`.
        seed: of whatever the method draws outside a batch.
    """

    epoch_loss: Tensor
    loss_is_infonce = (
        True  # whether the loss is InfoNCE, so that log(1 + alpha) - loss estimates the mutual information
    )

    def __init__(
        self, encoder: Encoder, tau: float, alpha: float | None = None, optim: Optim | None = None, seed: int = 0
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.tau, self.alpha, self.seed = tau, alpha, seed
        self.optim = optim or Optim()
        self.register_buffer("epoch_loss", torch.zeros(2))  # sum and count of this epoch's steps, kept on resume

    @abstractmethod
    def pairs(self, batch: Batch) -> Any:
        """The tensors that the loss takes, with the batch's `features`: `Pairs` if contrastive."""

    def after_step(self) -> None:
        """Change what changes between steps: momentum encoder, queue. Called after every optimizer step."""

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """One step; hands on the loss, the features for probes, and what must be finite."""
        self._seed_dropout(batch)
        pairs = self.pairs(batch)
        losses = self.losses(pairs)
        loss = losses.mean()
        self._log_step(pairs, losses, batch)
        numbers = {k: v for k, v in pairs._asdict().items() if isinstance(v, Tensor) and v.is_floating_point()}
        finite = {"views": batch.views[0], **numbers, "loss": loss}
        return {"loss": loss, "features": pairs.features.detach(), "finite": {k: v.detach() for k, v in finite.items()}}

    def losses(self, pairs: Any) -> Tensor:
        """Loss of each query, (n,): here the contrastive loss; a method with a loss of its own puts it in its place."""
        return info_nce(pairs.pos, pairs.neg, self.tau, self.alpha, reduction="none")

    def diagnose(self, pairs: Any, losses: Tensor, batch: Batch) -> dict[str, Tensor]:
        """What is logged beside the loss."""
        return diagnose(pairs, losses, self.tau, self.alpha, batch.classes)

    def configure_optimizers(self) -> Any:
        """The optimizer of whatever has gradients."""
        steps = int(self.trainer.estimated_stepping_batches)
        return self.optim.configure(self, steps, int(self.trainer.num_training_batches))

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Step, then change the method's state: callbacks, checkpoints among them, come after both."""
        super().optimizer_step(*args, **kwargs)
        self.after_step()

    def on_train_epoch_end(self) -> None:
        """Log the mean loss of the epoch."""
        total, count = self.epoch_loss.unbind()
        self.log("loss_epoch", total / count)
        self.epoch_loss.zero_()

    def _log_step(self, pairs: Any, losses: Tensor, batch: Batch) -> None:
        loss = distributed.mean(losses.detach().mean())
        self.epoch_loss += torch.stack([loss, torch.ones_like(loss)])
        rows = len(losses)
        self.log("loss", loss, prog_bar=True, batch_size=rows)
        if self._due():
            values = self.diagnose(pairs, losses, batch)
            values["lr"] = torch.tensor(self.trainer.optimizers[0].param_groups[0]["lr"])
            self.log_dict(values, batch_size=rows)

    def _due(self) -> bool:
        """Whether Lightning will hand this step's values to the loggers, or this is the last step."""
        every, step = logging_interval(self.trainer), self.global_step + 1
        return (bool(every) and step % every == 0) or step == self.trainer.estimated_stepping_batches

    def _seed_dropout(self, batch: Batch) -> None:
        """Make dropout, where a backbone has it, a function of seed and step as every other draw."""
        random = batch.random
        source = generator(random.seed, "dropout", random.epoch, random.step, random.start)
        torch.manual_seed(source.initial_seed())
