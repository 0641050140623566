"""The one abstract LightningModule: optimizer, logging and the order of a step."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

import pytorch_lightning as pl
import torch
from torch import Tensor

from contrastive_lab import distributed
from contrastive_lab.compat import logging_interval
from contrastive_lab.dataset.module import Batch
from contrastive_lab.encoder import Encoder, has_dropout
from contrastive_lab.objective import Objective
from contrastive_lab.optim import Optim
from contrastive_lab.randomness import generator


class HasFeatures(Protocol):
    """What `pairs` returns: a named tuple with the backbone features (m, F) of the batch's m images."""

    @property
    def features(self) -> Tensor: ...  # noqa: D102


T = TypeVar("T", bound=HasFeatures)


class ContrastiveModule(pl.LightningModule, ABC, Generic[T]):
    """Views -> `pairs` -> `losses` -> optimizer step -> `after_step`.

    T is the type of what `pairs` returns: `Pairs` where there are negatives, else a named tuple of the method.

    What methods take under the same name:
        K, alpha, tau: negatives of a query, None for all there are; EqCo's alpha, None for K; temperature.
        objective, optim: loss of a query with its negatives, None for InfoNCE, not taken by a method whose loss is its
            own; None for the defaults of `Optim`.
        seed: of the random numbers outside a batch, such as the start of a queue.
        momentum: of the key encoder, in [0, 1].
        batchnorm: kind that the encoder has; "shuffle" also permutes the keys' images.
        negatives_per: "query" chooses negatives for every query by itself, "batch" once per step.
        own_class_share: share of the negatives that are of the query's own class, in [0, 1]; None for chance.
    """

    epoch_loss: Tensor

    def __init__(
        self,
        encoder: Encoder,
        tau: float,
        alpha: float | None = None,
        optim: Optim | None = None,
        seed: int = 0,
        objective: Objective | None = None,
    ) -> None:
        super().__init__()
        self.encoder, self.optim = encoder, optim or Optim()
        takes_one = "objective" in inspect.signature(type(self)).parameters
        self.objective = objective or Objective("info_nce" if takes_one else "own")
        self.tau, self.alpha, self.seed = tau, alpha, seed
        self.has_dropout = has_dropout(encoder)
        self.register_buffer("epoch_loss", torch.zeros(2))  # sum and count of this epoch's steps, kept on resume

    @abstractmethod
    def pairs(self, batch: Batch) -> T:
        """The tensors that the loss takes."""

    @abstractmethod
    def losses(self, pairs: T) -> Tensor:
        """Loss of each query, (n,)."""

    @abstractmethod
    def diagnose(self, pairs: T, losses: Tensor, batch: Batch) -> dict[str, Tensor]:
        """What is logged beside the loss; `losses` comes with its graph, which is kept."""

    @property
    def loss_is_infonce(self) -> bool:
        """Whether log(1 + alpha) - loss estimates the mutual information."""
        return self.objective.is_infonce

    def after_step(self) -> None:
        """Change what changes between steps: momentum encoder, queue. Called after every optimizer step."""

    def forward(self, batch: Batch) -> tuple[T, Tensor]:
        """What the loss takes, and the loss of each query, (n,)."""
        if self.has_dropout:  # a function of seed and step, so that a resumed run repeats it
            random = batch.random
            source = generator(random.seed, "dropout", random.epoch, random.step, random.start)
            torch.manual_seed(source.initial_seed())
        pairs = self.pairs(batch)
        return pairs, self.losses(pairs)

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """One step; returns the mean loss and, for the probes, the features."""
        pairs, losses = self(batch)
        self._log_step(pairs, losses, batch)
        return {"loss": losses.mean(), "features": pairs.features.detach()}

    def configure_optimizers(self) -> Any:
        """The optimizer of whatever has gradients."""
        return scheduled(self, self.optim)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Step, then change the method's state: callbacks, checkpoints among them, come after both."""
        super().optimizer_step(*args, **kwargs)
        self.objective.after_step()
        self.after_step()

    def on_train_epoch_end(self) -> None:
        """Log the mean loss of the epoch."""
        log_epoch(self)

    def _log_step(self, pairs: T, losses: Tensor, batch: Batch) -> None:
        log_step(self, losses.detach().mean(), len(losses), lambda: self.diagnose(pairs, losses, batch))


def scheduled(module: pl.LightningModule, optim: Optim) -> Any:
    """The optimizer of a module with its schedule over all steps that its trainer will take."""
    steps = int(module.trainer.estimated_stepping_batches)
    return optim.configure(module, steps, int(module.trainer.num_training_batches))


def log_epoch(module: Any) -> None:
    """Log the mean loss of an epoch, and begin the next one's."""
    total, count = module.epoch_loss.unbind()
    module.log("loss_epoch", total / count)
    module.epoch_loss.zero_()


def log_step(module: Any, loss: Tensor, rows: int, more: Callable[[], dict[str, Tensor]]) -> None:
    """Log the loss of a step of so many rows, and where the loggers take it, or it is the last, `more` and the rate."""
    loss = distributed.mean(loss)
    module.epoch_loss += torch.stack([loss, torch.ones_like(loss)])
    module.log("loss", loss, prog_bar=True, batch_size=rows)
    every, step = logging_interval(module.trainer), module.global_step + 1
    if (every and step % every == 0) or step == module.trainer.estimated_stepping_batches:  # logged, or the last
        values = more()
        values["lr"] = torch.tensor(module.trainer.optimizers[0].param_groups[0]["lr"])
        module.log_dict(values, batch_size=rows)
