"""A scene: an image with boxes around its objects, and how it is resized and flipped.

Boxes are x0, y0, x1, y1 in pixels from the upper left corner, float32 (m, 4); a box around one pixel has sides of 1.
Labels are whole numbers from 1, int64 (m,), as 0 is the background.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F


class Scene(NamedTuple):
    """An image, uint8 (3, H, W), with boxes (m, 4), labels (m,) and which boxes are crowds, bool (m,); m may be 0.

    A crowd is many objects in one box: nothing is trained on it, and what is found there counts neither way (COCO).
    """

    image: Tensor
    boxes: Tensor
    labels: Tensor
    crowd: Tensor

    @property
    def target(self) -> dict[str, Tensor]:
        """What torchvision's detectors learn from: the boxes without crowds."""
        return {"boxes": self.boxes[~self.crowd], "labels": self.labels[~self.crowd]}


class Scenes(Protocol):
    """Scenes by number; `names` are those of the classes from label 1 on, `hash` tells other scenes from these."""

    names: tuple[str, ...]
    hash: str

    def __len__(self) -> int: ...

    def __getitem__(self, number: int, /) -> Scene: ...


def scene(image: Tensor, boxes: Tensor | Sequence[Sequence[float]], labels: Tensor | Sequence[int]) -> Scene:
    """A scene without crowds, of tensors or lists."""
    boxes, labels = torch.as_tensor(boxes, dtype=torch.float32), torch.as_tensor(labels, dtype=torch.int64)
    return Scene(image, boxes.reshape(-1, 4), labels, torch.zeros(len(labels), dtype=torch.bool))


def flipped(scene: Scene) -> Scene:
    """The mirror image, left and right exchanged."""
    x0, y0, x1, y1 = scene.boxes.unbind(1)
    width = scene.image.shape[2]
    return scene._replace(image=scene.image.flip(2), boxes=torch.stack([width - x1, y0, width - x0, y1], dim=1))


def resized(scene: Scene, short: int | None, longest: int = 1333) -> Scene:
    """The scene with its shorter side `short` pixels long, or less where the other would be over `longest`.

    None leaves it as it is. Each side is rounded, and boxes are scaled by its own factor (Detectron's rule).
    """
    height, width = scene.image.shape[1:]
    if short is None or (short == min(height, width) and max(height, width) <= longest):
        return scene
    factor = min(short / min(height, width), longest / max(height, width))
    new = (max(1, round(factor * height)), max(1, round(factor * width)))
    image = F.interpolate(scene.image[None].float(), new, mode="bilinear", antialias=True)[0]
    scale = scene.boxes.new_tensor([new[1] / width, new[0] / height] * 2)
    return scene._replace(image=image.round().clamp(0, 255).to(torch.uint8), boxes=scene.boxes * scale)
