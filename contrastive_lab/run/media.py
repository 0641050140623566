"""Pictures for Weights & Biases: the views that training starts with, and a map of the features it ends with."""

from collections.abc import Sequence
from typing import Any, cast

import matplotlib as mpl
import numpy as np
import pytorch_lightning as pl
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from pytorch_lightning.loggers import WandbLogger
from torch import Tensor

from contrastive_lab.compat import attached_data
from contrastive_lab.dataset.module import Batch
from contrastive_lab.encoder import Encoder
from contrastive_lab.evaluation.features import labelled_features
from contrastive_lab.randomness import generator
from contrastive_lab.run.views import Picture, first_views

POINTS = 2000


class Pictures(pl.Callback):
    """Logs the views of the first training step as the network gets them, and at the end a map of the test features.

    A run that is resumed does not log its views again. Texts have no sheet, images without labels no map.
    """

    def __init__(self, logger: WandbLogger) -> None:
        self.logger = logger

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        """The sheet of views, before step 0."""
        if (sheet := first_views(trainer, batch)) is not None:
            self.logger.log_image("views", [sheet], step=0, caption=["a row is an image, a column is a view"])

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The map of the features, also of an untrained encoder."""
        data = attached_data(trainer)
        if data.splits.test is None or data.splits.test.labels is None:
            return
        encoder = cast(Encoder, pl_module.encoder)
        features, labels = labelled_features(encoder, data.splits.test, data.recipe, workers=data.workers)
        picture = rendered(feature_map(features.cpu(), labels.cpu(), data.splits.names))
        self.logger.log_image("features", [picture], step=trainer.global_step, caption=["test split by class"])


def principal_components(features: Tensor, count: int = 2) -> tuple[Tensor, Tensor]:
    """Centred coordinates (n, count) of rows (n, F) along the directions of their greatest variance, and its shares.

    Eigenvectors of the covariance; the sign of each makes its largest entry positive, so the map is the same each time.
    The share of the variance along each, (count,), lies in [0, 1].
    """
    rows = features.double() - features.double().mean(dim=0)
    variances, directions = torch.linalg.eigh(rows.T @ rows)
    directions = directions[:, -count:].flip(1)
    largest = directions.gather(0, directions.abs().argmax(dim=0, keepdim=True))
    shares = variances[-count:].flip(0).clamp(min=0) / variances.sum().clamp(min=torch.finfo(rows.dtype).tiny)
    return rows @ (directions * largest.sign()), shares


def feature_map(features: Tensor, labels: Tensor, names: Sequence[str] = ()) -> Figure:
    """Features (n, F) on their first two principal components, coloured by labels (n,); at most 2,000 of them.

    `names` are those of the classes by label, which else are shown as numbers.
    """
    points, shares = principal_components(features)
    chosen = torch.randperm(len(points), generator=generator("feature map"))[:POINTS]
    (x, y), classes = points[chosen].T.numpy(), labels[chosen].numpy()
    figure = Figure(figsize=(8, 6), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    found = np.unique(labels.numpy())
    colours = mpl.colormaps["tab10" if len(found) <= 10 else "tab20" if len(found) <= 20 else "turbo"]
    for i, number in enumerate(found):
        colour = colours(i if len(found) <= 20 else i / (len(found) - 1))
        own, name = classes == number, _plain(names[number]) if names else str(number)
        axes.scatter(x[own], y[own], s=14, alpha=0.7, linewidths=0, color=colour, label=name)
    first, second = (f"component {i} ({100 * share:.0f} % of the variance)" for i, share in enumerate(shares, 1))
    axes.set(xlabel=first, ylabel=second, title=f"features h: {len(chosen):,} of the test split, {len(found)} classes")
    if len(found) <= 20:
        figure.legend(title="class", loc="outside right upper", frameon=False, markerscale=2)
    return figure


def _plain(name: str) -> str:
    """A name as it is shown: matplotlib takes what stands between two $ for a formula, and hides what begins with _."""
    return f"{' ' * name.startswith('_')}{name}".replace("$", r"\$")


def rendered(figure: Figure) -> Picture:
    """The pixels of a figure."""
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]
