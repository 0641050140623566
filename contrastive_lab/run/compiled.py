"""torch.compile for a run's encoders."""

import pytorch_lightning as pl

from contrastive_lab.encoder import Encoder


class Compiled(pl.Callback):
    """Compiles the training passes of a method's encoders, once the first step runs; probes stay as they are."""

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Mark them to be compiled."""
        for module in pl_module.modules():
            if isinstance(module, Encoder):
                module.compile_training()
