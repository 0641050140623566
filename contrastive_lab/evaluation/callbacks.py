"""Probes during training, shared by all methods; they never touch the encoder. A process scores its share of tests.

A probe scores clean test images at the end of every n-th epoch (`every_n_epochs`) and of the training.
"""

from typing import Any, cast

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from contrastive_lab import distributed
from contrastive_lab.compat import attached_data
from contrastive_lab.dataset.module import Batch, ViewsDataModule
from contrastive_lab.dataset.split import Split, share
from contrastive_lab.encoder import Encoder
from contrastive_lab.evaluation.features import labelled_features
from contrastive_lab.evaluation.protocols import knn_of_all
from contrastive_lab.evaluation.scores import Split as Labelled
from contrastive_lab.evaluation.scores import topk
from contrastive_lab.randomness import generator


class OnlineProbe(pl.Callback):
    """A linear classifier trained beside the encoder on its detached features h, `features` F wide.

    Logs `online_loss` and `online_top1` in percent. SGD (momentum 0.9, no weight decay), its learning rate `lr` per 256
    images; the first weights depend on the seed. Weights and optimizer are in the checkpoint.
    """

    def __init__(
        self, features: int, classes: int, batch_size: int, lr: float = 0.1, every_n_epochs: int = 1, seed: int = 0
    ) -> None:
        self.every, self.linear = every_n_epochs, nn.Linear(features, classes)
        with torch.no_grad():
            self.linear.weight.normal_(std=0.01, generator=generator(seed, "probe"))
            self.linear.bias.zero_()
        self.optimizer = torch.optim.SGD(self.linear.parameters(), lr * batch_size / 256, momentum=0.9)

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Move to the device, after a checkpoint was read."""
        self.linear.to(pl_module.device)
        self.optimizer.load_state_dict(self.optimizer.state_dict())  # takes its state to where the weights are

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """One step on the features of the training step."""
        if batch.classes is None:
            return
        features = outputs["features"].detach().to(self.linear.weight.dtype)
        loss = F.cross_entropy(self.linear(features), batch.classes[batch.ids])
        self.optimizer.zero_grad()
        loss.backward()
        for parameter in self.linear.parameters():
            parameter.grad = distributed.mean(cast(Tensor, parameter.grad))
        self.optimizer.step()
        pl_module.log("online_loss", loss.detach(), batch_size=len(batch.ids))

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Score on the test split."""
        data = _data(trainer)
        if data.splits.pretrain.labels is None or data.splits.test is None or not due(trainer, self.every):
            return
        test = _features(pl_module, share(data.splits.test), data)
        with torch.no_grad():
            scores = self.linear(test.features.to(self.linear.weight.dtype))
        pl_module.log("online_top1", topk(scores, test.labels, all_processes=True).top1, prog_bar=True)

    def state_dict(self) -> dict[str, Any]:
        """Return weights and optimizer in plain types."""
        return {"linear": self.linear.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load weights and optimizer."""
        self.linear.load_state_dict(state_dict["linear"])
        self.optimizer.load_state_dict(state_dict["optimizer"])


class KnnProbe(pl.Callback):
    """`knn` on features h; logs `knn_top1` in percent. A process encodes and searches its share of training images."""

    def __init__(self, k: int = 200, temperature: float = 0.1, every_n_epochs: int = 5) -> None:
        self.k, self.temperature, self.every = k, temperature, every_n_epochs
        self.right: Tensor | None = None  # (n,) the test images that the last score counts as right

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Classify the test split by its neighbours in the training split."""
        data = _data(trainer)
        if data.splits.train is None or data.splits.test is None or not due(trainer, self.every):
            return
        scores = knn_of_all(cast(Encoder, pl_module.encoder), data, "h", self.k, self.temperature)
        self.right = scores.right
        pl_module.log("knn_top1", scores.top1, prog_bar=True)

    def state_dict(self) -> dict[str, Any]:
        """Return which test images were right: a run that stops in its final evaluation does not score them again."""
        return {} if self.right is None else {"right": self.right.cpu()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load them."""
        self.right = state_dict.get("right")


def _features(pl_module: pl.LightningModule, split: Split, data: ViewsDataModule) -> Labelled:
    return labelled_features(cast(Encoder, pl_module.encoder), split, data.recipe, workers=data.workers)


def _data(trainer: pl.Trainer) -> ViewsDataModule:
    data = attached_data(trainer)
    if not isinstance(data, ViewsDataModule):
        raise TypeError("probes need trainer.fit(method, ViewsDataModule(...))")
    return data


def due(trainer: pl.Trainer, every: int) -> bool:
    """Whether an epoch that ends is the n-th, or the last."""
    epoch, last = trainer.current_epoch + 1, trainer.max_epochs
    return epoch % every == 0 or epoch == last or 0 < trainer.max_steps <= trainer.global_step
