"""torch.compile for a run's encoders and for its views."""

from typing import Any

import pytorch_lightning as pl

from contrastive_lab.augment import Recipe
from contrastive_lab.augment.compiled import compiled
from contrastive_lab.compat import any_number_of_shapes, attached_data
from contrastive_lab.encoder import Encoder
from contrastive_lab.run.callbacks import Clock

COMPILING = 2  # steps


class Compiled(pl.Callback):
    """Compiles a method's training passes and the views, once the first step runs; probes stay as they are.

    The clock of a run leaves out the first two steps, in which that happens.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock, self.steps = clock, 0

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Mark them to be compiled."""
        any_number_of_shapes()
        for module in pl_module.modules():
            if isinstance(module, Encoder):
                module.compile_training()
        data = attached_data(trainer)
        self.recipe = data.recipe
        if isinstance(data.recipe, Recipe):  # not one of texts
            data.recipe = compiled(data.recipe)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Start the clock anew once all is compiled."""
        self.steps += 1
        if self.steps == COMPILING:
            self.clock.on_train_epoch_start(trainer, pl_module)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Give the evaluation the recipe as it was."""
        attached_data(trainer).recipe = self.recipe
