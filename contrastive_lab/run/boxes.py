"""What a run of `detect` measures and shows while it trains: average precision, and pictures with boxes."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as pl
import torch
from PIL import Image
from pytorch_lightning.loggers import Logger, WandbLogger
from torch import Tensor

from contrastive_lab.compat import attached_data
from contrastive_lab.detect.data import SceneBatch, SceneDataModule
from contrastive_lab.detect.draw import Picture, box_sheet
from contrastive_lab.detect.precision import detector_precision, find_all
from contrastive_lab.distributed import is_first
from contrastive_lab.evaluation.callbacks import due

SHOWN, SURE = 8, 0.5  # scenes of a sheet, and the least score of a box that is shown
SCENES, FOUND = "scenes.png", "found.png"  # in the folder of a run


class PrecisionProbe(pl.Callback):
    """Logs average precision on the test scenes at the end of every n-th epoch and of the training, in percent."""

    def __init__(self, every_n_epochs: int = 1, per_class: bool = False) -> None:
        self.every, self.per_class = every_n_epochs, per_class

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measure; objects of a size that no scene has are left out."""
        if due(trainer, self.every):
            scores = detector_precision(cast(Any, pl_module).detector, _data(trainer), self.per_class)
            pl_module.log_dict({name: value for name, value in scores.items() if value == value})


class BoxSheets(pl.Callback):
    """Writes scenes.png, the first training batch with its boxes, and found.png, what test scenes are found to hold.

    The second is written at the end. Both go to those of the loggers that are W&B's, too; a run that is resumed keeps
    its first sheet.
    """

    def __init__(self, folder: Path, loggers: Sequence[Logger] = ()) -> None:
        self.folder, self.loggers = folder, [logger for logger in loggers if isinstance(logger, WandbLogger)]

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: SceneBatch, batch_idx: int
    ) -> None:
        """The sheet of the first step, as the network gets it."""
        if is_first() and trainer.global_step == 0:
            images = [(255 * image).round().to(torch.uint8) for image in batch.views[:SHOWN]]
            boxes, labels = ([own[name] for own in batch.targets[:SHOWN]] for name in ("boxes", "labels"))
            self._show(SCENES, box_sheet(images, boxes, labels, _data(trainer).train.names), 0, "training scenes")

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The sheet of what is found."""
        if is_first():
            data = _data(trainer)
            numbers = range(min(SHOWN, len(data.test)))
            found = [own for own, _ in find_all(cast(Any, pl_module).detector, data, numbers)]
            sure = [shown(own["scores"]) for own in found]
            boxes, labels = ([own[k][keep] for own, keep in zip(found, sure, strict=True)] for k in ("boxes", "labels"))
            sheet = box_sheet([data.test[i].image for i in numbers], boxes, labels, data.test.names)
            self._show(
                FOUND,
                sheet,
                trainer.global_step,
                f"test scenes: boxes found with a score of {SURE} or more, or the best",
            )

    def _show(self, name: str, sheet: Picture, step: int, caption: str) -> None:
        partial = self.folder / f"{name}.partial"
        with suppress(OSError):  # a disk that has no room for a picture ends no run
            Image.fromarray(sheet).save(partial, "png")
            partial.replace(self.folder / name)
        for logger in self.loggers:
            logger.log_image(name.removesuffix(".png"), [sheet], step=step, caption=[caption])


def shown(scores: Tensor) -> Tensor:
    """Which boxes of a scene a sheet shows, bool (m,): those with a score of 0.5 or more, or else the best one."""
    return scores >= min(SURE, max(scores.tolist(), default=SURE))


def _data(trainer: pl.Trainer) -> SceneDataModule:
    return cast(SceneDataModule, attached_data(trainer))
