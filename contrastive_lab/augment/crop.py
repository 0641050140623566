"""Random crop boxes for n images at once, by the rule of torchvision's RandomResizedCrop.get_params."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from contrastive_lab.augment.ops import between

TRIES = 10


@dataclass(frozen=True)
class Crop:
    """A random crop, resized with antialiasing by "bilinear" or "bicubic" `interpolation`.

    Its area is a share of the image's between the two of `scale`, in (0, 1]; its width / height lies between the two of
    `ratio`, and the logarithm of that is uniform.
    """

    scale: Sequence[float] = (0.2, 1.0)
    ratio: Sequence[float] = (3 / 4, 4 / 3)
    interpolation: str = "bilinear"

    def boxes(self, numbers: Tensor, heights: Tensor, widths: Tensor) -> Tensor:
        """The first box of each image that fits into it, or else the central one: top, left, height, width, (n, 4).

        `heights` and `widths` of the images are integers (n,), as are the boxes; `numbers` (n, TRIES, 4), uniform in
        [0, 1), give area, aspect ratio, top and left of each try.
        """
        size = torch.stack((heights, widths), dim=1)
        share, aspect, top, left = numbers.unbind(-1)
        area = between(share, *self.scale) * size.prod(1, keepdim=True)
        aspect = between(aspect, *map(math.log, self.ratio)).exp()
        tries = torch.stack((area / aspect, area * aspect), dim=-1).sqrt_().round_()
        fits = ((tries > 0) & (tries <= size.unsqueeze(1))).all(-1)
        first = torch.arange(len(size)), fits.int().argmax(1)
        box = tries[first]
        corner = (torch.stack((top, left), dim=-1)[first].double() * (size - box + 1)).floor()
        found = torch.cat((corner, box), dim=1).long()
        return torch.where(fits.any(1, keepdim=True), found, central_boxes(heights, widths, self.ratio))


def central_boxes(heights: Tensor, widths: Tensor, ratio: Sequence[float]) -> Tensor:
    """The largest central box of each image with an aspect ratio in the range: (n,), (n,) -> integers (n, 4)."""
    height = torch.minimum(heights, (widths.double() / min(ratio)).round().long())
    width = torch.minimum(widths, (heights.double() * max(ratio)).round().long())
    return torch.stack(((heights - height) // 2, (widths - width) // 2, height, width), dim=1)
