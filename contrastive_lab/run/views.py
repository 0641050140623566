"""A sheet of the views that training starts with, as the network gets them: views.png in the folder of a run."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torchvision.utils import make_grid

from contrastive_lab.augment import Recipe
from contrastive_lab.compat import attached_data
from contrastive_lab.dataset.module import Batch
from contrastive_lab.distributed import is_first

VIEWS = "views.png"  # in the folder of a run
ROWS = 8
Picture = NDArray[np.uint8]  # (height, width, 3)


class ViewSheet(pl.Callback):
    """Writes the views of the first training step into the run's folder.

    They are those of the batch, so that nothing is drawn anew. A run that is resumed keeps its sheet, texts have none.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        """Write the sheet before step 0; a disk that has no room for a picture ends no run."""
        if is_first() and (sheet := first_views(trainer, batch)) is not None:
            partial = self.folder / f"{VIEWS}.partial"
            with suppress(OSError):
                Image.fromarray(sheet).save(partial, "png")
                partial.replace(self.folder / VIEWS)


def first_views(trainer: pl.Trainer, batch: Batch) -> Picture | None:
    """The sheet of a batch of images, if it is the first of a training."""
    recipe = attached_data(trainer).recipe
    if trainer.global_step > 0 or not isinstance(recipe, Recipe):
        return None
    return view_sheet(batch.views, recipe.mean, recipe.std)


def view_sheet(views: Sequence[Tensor], mean: Sequence[float], std: Sequence[float]) -> Picture:
    """A sheet of pictures: a row for each of the first eight images, a column for each view (n, 3, S, S).

    S may differ: smaller views stand in the middle of their cell. They were normalised by one or three means and
    standard deviations. A pixel of a small image becomes a square of several.
    """
    shift, scale = (torch.tensor(list(numbers)).view(-1, 1, 1) for numbers in (mean, std))
    size = max(view.shape[-1] for view in views)
    shown = [(view[:ROWS].detach().float().cpu() * scale + shift).clamp(0, 1) for view in views]
    cells = torch.stack([_centred(view, size) for view in shown], dim=1)  # (rows, views, 3, size, size)
    enlarged = F.interpolate(cells.flatten(0, 1), scale_factor=max(1, 96 // size))
    grid = make_grid(enlarged, nrow=len(views), padding=4, pad_value=1.0)
    return cast(Picture, (grid * 255).round().to(torch.uint8).permute(1, 2, 0).numpy())


def _centred(view: Tensor, size: int) -> Tensor:
    """White around images that are smaller than their cells."""
    free = size - view.shape[-1]
    before, after = free // 2, free - free // 2
    return F.pad(view, (before, after, before, after), value=1.0)
