"""Callbacks of every run: a stop at the first number that is not finite, checkpoints to resume from, and a clock."""

import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from pytorch_lightning.callbacks import Checkpoint
from torch import Tensor

from contrastive_lab import distributed
from contrastive_lab.compat import batches_started, epoch_metrics, logging_interval
from contrastive_lab.config.identity import PATHS, comparable, differences, identity
from contrastive_lab.config.resolve import Resolved
from contrastive_lab.dataset import Batch
from contrastive_lab.errors import RunError
from contrastive_lab.losses import at_least_float32
from contrastive_lab.negatives import are_few
from contrastive_lab.record.checkpoint import replace_checkpoint
from contrastive_lab.record.files import CHECKPOINT
from contrastive_lab.record.metrics_file import MetricsFile
from contrastive_lab.run.signals import EVERY

ADVICE = "lower base_lr or raise tau"


class FiniteGuard(pl.Callback):
    """Stops a run at its first NaN or infinity and names the step and the first of `names` that was not finite.

    Cosines are not among them: a NaN among the cosines makes the loss NaN, and a sum over (N, K) costs as much as their
    matrix product. Every step is flagged on the device, without waiting for it; the flags are looked at every
    `every_n_steps`, before the probes and before any checkpoint, so that no checkpoint holds what is not finite. What
    is not ends the run with a RunError.
    """

    names = ("views", "features", "loss", "gradient")  # in the order in which a step computes them

    def __init__(self, every_n_steps: int) -> None:
        self.every = every_n_steps
        self.gradient = torch.zeros(())  # norm of this step's
        self.first_bad: Tensor | None = None  # (names,) first bad step of each, infinity where there is none

    def on_before_optimizer_step(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Take the norm of the gradient, before any clipping; not in float16, where a scaler leaves bad steps out."""
        if getattr(trainer.precision_plugin, "scaler", None) is None:
            gradients = [parameter.grad for parameter in pl_module.parameters() if parameter.grad is not None]
            self.gradient = torch.nn.utils.get_total_norm(gradients)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Flag the step's tensors: a sum is not finite if any of its terms is not."""
        loss: Tensor = outputs["loss"]
        views = torch.stack([at_least_float32(view).sum() for view in batch.views]).sum()
        sums = [views, at_least_float32(outputs["features"]).sum(), loss, self.gradient]
        finite = torch.stack([value.detach().isfinite().to(loss.device) for value in sums])
        now = torch.where(finite, torch.inf, float(trainer.global_step - 1))
        self.first_bad = now if self.first_bad is None else torch.minimum(self.first_bad, now)
        if trainer.global_step % self.every == 0:
            self.check(pl_module)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop the run if a step was not finite."""
        self.check(pl_module)

    def on_save_checkpoint(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Stop the run if a step was not finite, or if what would be stored is not."""
        self.check(pl_module)
        for name, value in pl_module.state_dict().items():
            if value.is_floating_point() and not value.sum(dtype=torch.float64).isfinite():
                raise RunError(f"not finite after step {trainer.global_step - 1}: {name}; {ADVICE}")

    def check(self, pl_module: pl.LightningModule) -> None:
        """Raise a RunError if any step so far was not finite."""
        if self.first_bad is None:
            return
        first = distributed.minimum(self.first_bad).tolist()
        if (step := min(first)) != float("inf"):
            raise RunError(f"not finite at step {int(step)}: {self.names[first.index(step)]}; {ADVICE}")


class LastCheckpoint(Checkpoint):
    """Writes the run's checkpoint, never in part: at the end of every epoch, every n steps or minutes, and at a stop.

    The one before it is kept. Minutes are those of the process that waited longest, looked at every `EVERY` steps where
    there are several. The configuration and the hash of the data go with it, and a run is not resumed with others:
    RunError.
    """

    def __init__(self, folder: Path, config: DictConfig, resolved: Resolved, data_hash: str) -> None:
        self.folder = folder
        self.every, self.minutes = config.checkpoint_every_n_steps, config.get("checkpoint_every_n_minutes")
        self.saved = time.monotonic()
        self.identity, self.hash, self.data_hash = identity(config), resolved.hash, data_hash
        own = config.method.get("negatives_per") == "query"  # few keys of a query's own are drawn in a newer way
        K, pool = (resolved.K or 0) * config.sets, resolved.pool
        cut = config.sets > 1 and pool == K  # sets of the whole pool were once cut from it in order
        self.draws = "few" if own and K and pool and are_few(K, pool) else "partition" if cut else "sorted"
        self.metrics: dict[str, float] = {}  # the last value of each, also of a process that was killed
        self.row: dict[str, float] = {}  # of metrics.csv, which is written after the checkpoint of the epoch's end

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Save in mid-epoch, also where something such as trainer.max_time stops the run there.

        After the last batch of an epoch its end comes first, which a run that went on from here would not have.
        """
        if batches_started(trainer) >= trainer.num_training_batches:
            return
        due = self.every and trainer.global_step % self.every == 0
        if trainer.should_stop or due or self._waited(trainer, pl_module):
            self.save(trainer)

    def _waited(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> bool:
        """Whether the minutes are over, in agreement with the other processes."""
        if self.minutes is None or (distributed.world_size() > 1 and trainer.global_step % EVERY):
            return False
        waited = torch.tensor(time.monotonic() - self.saved, device=pl_module.device)
        return bool(-distributed.minimum(-waited) >= 60 * self.minutes)

    def on_train_epoch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Save at the end of an epoch; of one that was stopped the last step's checkpoint stands."""
        if trainer.should_stop and batches_started(trainer) < trainer.num_training_batches:
            return  # trainer.max_steps is no stop: it ends the run, whose last checkpoint this is
        self.row = {"step": trainer.global_step - 1, "epoch": trainer.current_epoch, **epoch_metrics(trainer)}
        self.save(trainer)
        self.row = {}

    def save(self, trainer: pl.Trainer) -> None:
        """Write the metrics so far, then a file beside the last checkpoint, and replace that."""
        for logger in trainer.loggers:
            if isinstance(logger, MetricsFile):
                logger.save()
        partial = self.folder / f"{CHECKPOINT}.partial"
        trainer.save_checkpoint(partial)
        if distributed.is_first():
            replace_checkpoint(self.folder, partial)
        self.saved = time.monotonic()

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add the configuration and the last metrics."""
        self.metrics |= {name: float(value) for name, value in trainer.callback_metrics.items()}
        checkpoint.update(config=self.identity, config_hash=self.hash, metrics=self.metrics, draws=self.draws)
        checkpoint.update(row=self.row, data_hash=self.data_hash)

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Check that the configuration is the same, and cut metrics.csv to the checkpoint's step."""
        then = checkpoint.get("data_hash")
        if then is not None and then != self.data_hash:
            raise RunError(f"the checkpoint is of other data: {then} then, {self.data_hash} now; start the run anew")
        compared, told = (self.identity, comparable(checkpoint["config"])), () if then is None else PATHS
        if changed := differences(*({k: v for k, v in each.items() if k not in told} for each in compared)):
            raise RunError(f"the checkpoint is of another configuration: {'; '.join(changed)}")
        if checkpoint.get("draws", "sorted") != self.draws:
            raise RunError("the version that made the checkpoint drew other negatives; start the run anew")
        checkpoint.get("callbacks", {}).pop("Timer", None)  # trainer.max_time is that of a process
        self.metrics = dict(checkpoint["metrics"])
        for logger in trainer.loggers:
            if isinstance(logger, MetricsFile):
                logger.resume(checkpoint["global_step"], logging_interval(trainer), checkpoint.get("row"))


class Clock(pl.Callback):
    """Measures training alone, without probes: `seconds`, and `images` of all processes; kept when a run is resumed."""

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size
        self.seconds, self.images, self.start, self.first = 0.0, 0, 0.0, 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock; of a run resumed in mid-epoch no epoch starts."""
        self.on_train_epoch_start(trainer, pl_module)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self.start, self.first = time.perf_counter(), trainer.global_step

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop the clock; the first of the callbacks, before probes."""
        if pl_module.device.type == "cuda":
            torch.cuda.synchronize(pl_module.device)
        self.seconds += time.perf_counter() - self.start
        self.images += self.batch_size * (trainer.global_step - self.first)

    def state_dict(self) -> dict[str, Any]:
        """Return seconds and images so far."""
        return {"seconds": self.seconds, "images": self.images}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load seconds and images."""
        self.seconds, self.images = state_dict["seconds"], state_dict["images"]
