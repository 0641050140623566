"""Callbacks of every run: a stop at the first number that is not finite, checkpoints to resume from, and a clock."""

import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import Checkpoint
from torch import Tensor

from contrastive_lab import distributed
from contrastive_lab.compat import batches_started, callbacks_of, logged_next, logging_interval
from contrastive_lab.config.identity import PATHS, comparable, differences, identity
from contrastive_lab.config.resolve import Resolved
from contrastive_lab.dataset import Batch
from contrastive_lab.errors import RunError
from contrastive_lab.losses import at_least_float32
from contrastive_lab.negatives import are_few
from contrastive_lab.program import program
from contrastive_lab.record.checkpoint import NOT_FINITE, keep_checkpoint, kept_checkpoints, replace_checkpoint
from contrastive_lab.record.files import CHECKPOINT, shortest
from contrastive_lab.record.metrics_file import MetricsFile
from contrastive_lab.run.signals import EVERY
from contrastive_lab.waiting import removed_on_error


class FiniteGuard(pl.Callback):
    """Ends a run with a RunError at its first NaN or infinity, before the weights take it in.

    The step and the first of `names` that is not finite are told, with the `cure`, and that `replay` names the module;
    what it needs to repeat the step is kept in not_finite.ckpt: weights, images, seed and step. No checkpoint holds
    what is not finite.
    """

    names = ("views", "loss", "gradient")  # in the order in which a step computes them

    def __init__(self, folder: Path, cure: str = "lower base_lr or raise tau") -> None:
        self.folder, self.cure = folder, cure
        self.loss = torch.zeros(())
        self.batch: Batch | None = None

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Batch, *_: Any) -> None:
        """Keep the batch until its step is done."""
        self.batch = batch

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: Tensor) -> None:
        """Keep the loss."""
        self.loss = loss.detach()

    def on_before_optimizer_step(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Sum views, loss and gradients before any clipping: a sum is not finite if any of its terms is not.

        In float16 a scaler leaves out the steps whose gradient is not.
        """
        assert self.batch is not None
        looked_at = [torch.stack([at_least_float32(view).sum() for view in self.batch.views]).sum(), self.loss]
        if getattr(trainer.precision_plugin, "scaler", None) is None:
            gradients = [parameter.grad for parameter in pl_module.parameters() if parameter.grad is not None]
            looked_at.append(torch.nn.utils.get_total_norm(gradients))
        finite = torch.stack([value.isfinite().to(self.loss.device).float() for value in looked_at])
        first = distributed.minimum(finite).tolist()
        if 0 in first:
            self._keep(pl_module, trainer.global_step)
            raise self._not_finite(f"at step {trainer.global_step}: {self.names[first.index(0)]}")

    def _keep(self, pl_module: pl.LightningModule, step: int) -> None:
        """Write what the step began with."""
        assert self.batch is not None
        ids, random = distributed.gather(self.batch.ids).cpu(), self.batch.random
        kept = {"state_dict": pl_module.state_dict(), "global_step": step, "ids": ids}
        kept |= {"seed": random.seed, "epoch": random.epoch, "step": random.step}
        if distributed.is_first():
            path = self.folder / NOT_FINITE
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(".partial")
            with removed_on_error(partial):
                torch.save(kept, partial)
                partial.replace(path)

    def on_save_checkpoint(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Stop the run if what would be stored is not finite."""
        for name, value in pl_module.state_dict().items():
            if value.is_floating_point() and not value.sum(dtype=torch.float64).isfinite():
                raise self._not_finite(f"after step {trainer.global_step - 1}: {name}")

    def _not_finite(self, where: str) -> RunError:
        replay = f"{program('replay')} run={self.folder} names the module"
        return RunError(f"not finite {where}; {self.cure}; {replay}")


class LastCheckpoint(Checkpoint):
    """Writes the run's checkpoint, never in part: at the end of every epoch, every n steps or minutes, and at a stop.

    The one before it is kept, and those of chosen epochs. Minutes are those of the process that waited longest, looked
    at every `EVERY` steps where there are several. The configuration and the hash of the data go with it, and a run is
    not resumed with others: RunError.
    """

    def __init__(self, folder: Path, config: DictConfig, resolved: Resolved, data_hash: str) -> None:
        self.folder = folder
        self.every, self.minutes = config.checkpoint_every_n_steps, config.get("checkpoint_every_n_minutes")
        self.keep = OmegaConf.select(config, "checkpoint.keep", default=())  # epochs
        self.saved = time.monotonic()
        self.identity, self.hash, self.data_hash = identity(config), resolved.hash, data_hash
        # Few keys of a query's own are drawn in a newer way.
        own, sets = OmegaConf.select(config, "method.negatives_per") == "query", config.get("sets") or 1
        K, pool = (resolved.K or 0) * sets, resolved.pool
        cut = sets > 1 and pool == K  # sets of the whole pool were once cut from it in order
        self.draws = "few" if own and K and pool and are_few(K, pool) else "partition" if cut else "sorted"
        self.metrics: dict[str, float] = {}  # the last value of each, also of a process that was killed
        self.row: dict[str, float] = {}  # of metrics.csv, which is written after the checkpoint that covers it
        self.ended = 0  # the epoch, from 1, at whose end the last checkpoint was written; 0 of one in mid-epoch

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Save in mid-epoch, also where something such as trainer.max_time stops the run there.

        After the last batch of an epoch its end comes first, which a run that went on from here would not have.
        """
        if batches_started(trainer) >= trainer.num_training_batches:
            return
        due = self.every and trainer.global_step % self.every == 0
        if trainer.should_stop or due or self._waited(trainer, pl_module):
            interval = logging_interval(trainer)
            self.row = _next_row(trainer) if interval and trainer.global_step % interval == 0 else {}
            self.ended = 0
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
        self.row = _next_row(trainer)
        self.ended = trainer.current_epoch + 1
        self.save(trainer)
        if self.ended in self.keep and distributed.is_first():
            keep_checkpoint(self.folder, self.ended)

    def on_fit_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Save the encoder of a run of no epochs as it was made, which other protocols are to score, too."""
        if trainer.max_epochs == 0:
            self.save(trainer)

    def save(self, trainer: pl.Trainer) -> None:
        """Write the metrics so far, then a file beside the last checkpoint, and replace that."""
        for logger in trainer.loggers:
            if isinstance(logger, MetricsFile):
                logger.store()
        partial = self.folder / f"{CHECKPOINT}.partial"
        with removed_on_error(partial):
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
        checkpoint.update(row=self.row, data_hash=self.data_hash, ended=self.ended)

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Check that the configuration is the same, and cut metrics.csv to the checkpoint's step.

        A chosen epoch's checkpoint is kept if the run ended, as at a full disk, before it was.
        """
        then = checkpoint.get("data_hash")
        if then is not None and then != self.data_hash:
            raise RunError(f"the checkpoint is of other data: {then} then, {self.data_hash} now; start the run anew")
        compared, told = (self.identity, comparable(checkpoint["config"])), () if then is None else PATHS
        if changed := differences(*({k: v for k, v in each.items() if k not in told} for each in compared)):
            raise RunError(f"the checkpoint is of another configuration: {'; '.join(changed)}")
        if checkpoint.get("draws", "sorted") != self.draws:
            raise RunError("the version that made the checkpoint drew other negatives; start the run anew")
        checkpoint.get("callbacks", {}).pop("Timer", None)  # trainer.max_time is that of a process
        self.metrics, self.ended = dict(checkpoint["metrics"]), checkpoint.get("ended", 0)
        if self.ended in self.keep and self.ended not in kept_checkpoints(self.folder) and distributed.is_first():
            keep_checkpoint(self.folder, self.ended)
        for logger in trainer.loggers:
            if isinstance(logger, MetricsFile):
                logger.resume(checkpoint["global_step"], logging_interval(trainer), checkpoint.get("row"))


def last_values(trainer: pl.Trainer) -> dict[str, float]:
    """The last value of all that was logged, also before the run was resumed."""
    kept = (callback.metrics for callback in callbacks_of(trainer) if isinstance(callback, LastCheckpoint))
    values = {name: value for each in kept for name, value in each.items()}
    values |= {name: float(value) for name, value in trainer.callback_metrics.items()}
    return {name: shortest(value) for name, value in values.items()}


def _next_row(trainer: pl.Trainer) -> dict[str, float]:
    """The row that metrics.csv gets next: of a step in its `on_train_batch_end`, or of an epoch."""
    return {"step": trainer.global_step - 1, "epoch": trainer.current_epoch, **logged_next(trainer)}


class Clock(pl.Callback):
    """Measures training alone, without probes: `seconds`, and `images` of all processes; kept when a run is resumed.

    `before` are the seconds of all work up to the checkpoint that a run is resumed from, probes too.
    """

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size
        self.seconds, self.images, self.start, self.first = 0.0, 0, 0.0, 0
        self.before, self.begun = 0.0, time.perf_counter()

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
        whole = self.before + time.perf_counter() - self.begun
        return {"seconds": self.seconds, "images": self.images, "whole": whole}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load seconds and images; older versions did not store those of all work."""
        self.seconds, self.images = state_dict["seconds"], state_dict["images"]
        self.before = state_dict.get("whole", self.seconds)
