"""Pictures of scenes with their boxes."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torchvision.utils import draw_bounding_boxes, make_grid

Picture = NDArray[np.uint8]  # (height, width, 3)
COLOURS = ("#e6194b", "#3cb44b", "#ffe119", "#4363d8", "#f58231", "#911eb4", "#42d4f4", "#f032e6", "#bfef45", "#fabed4")
LEAST = 288  # pixels of the longer side of an image as it is shown


def box_sheet(
    images: Sequence[Tensor],
    boxes: Sequence[Tensor],
    labels: Sequence[Tensor],
    names: Sequence[str],
    columns: int = 4,
    words: bool = True,
) -> Picture:
    """A sheet of images, uint8 (3, H, W), with boxes (m, 4) in the colour of their class, labels from 1, and its name.

    A pixel of a small image becomes a square of several; images of several sizes stand in cells of the largest.
    """
    factor = max(1, round(LEAST / max(max(image.shape[1:]) for image in images)))
    drawn = []
    for image, own, numbers in zip(images, boxes, labels, strict=True):
        large = image.repeat_interleave(factor, 1).repeat_interleave(factor, 2).cpu()
        if len(own):
            told = [names[number - 1] for number in numbers.tolist()] if words else None
            colours = [COLOURS[(number - 1) % len(COLOURS)] for number in numbers.tolist()]
            look: Any = {"width": 2, "label_colors": "black", "fill_labels": True}  # a name stands on its box's colour
            large = draw_bounding_boxes(large, factor * own.cpu(), told, colours, **look)
        drawn.append(large)
    height, width = (max(image.shape[dim] for image in drawn) for dim in (1, 2))
    cells = [F.pad(image, (0, width - image.shape[2], 0, height - image.shape[1]), value=255) for image in drawn]
    grid = make_grid(torch.stack(cells), nrow=columns, padding=4, pad_value=255)
    return cast(Picture, grid.permute(1, 2, 0).numpy())
