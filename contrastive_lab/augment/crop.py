"""Random crops of n images at once: their boxes and their resizing.

Boxes follow torchvision's RandomResizedCrop.get_params. Resizing is a matrix product, rows @ image @ columns^T, with a
pair of small matrices for each image. Letters: n images, C channels, H and W height and width, s side of the result.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

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
    """The largest central box of each image with an aspect ratio in the range: (n,), (n,) -> integers (n, 4).

    It has one pixel at least.
    """
    height = torch.minimum(heights, (widths.double() / min(ratio)).round().long().clamp(min=1))
    width = torch.minimum(widths, (heights.double() * max(ratio)).round().long().clamp(min=1))
    return torch.stack(((heights - height) // 2, (widths - width) // 2, height, width), dim=1)


def resized_crop(images: Tensor, boxes: Tensor, size: int, interpolation: str, dtype: torch.dtype) -> Tensor:
    """Crop a box of each image and resize it with antialiasing, as torchvision's resized_crop with `antialias`.

    (n, C, H, W), uint8 or float in [0, 1] -> (n, C, s, s) in [0, 1], where s is `size` and what bicubic overshoots is
    clamped; all arithmetic is in `dtype`. `boxes` are integers (n, 4) on the same device, inside the image: top, left,
    height, width.
    """
    top, left, height, width = boxes.to(dtype).unbind(1)
    rows = resize_weights(top, height, images.shape[2], size, interpolation)
    cols = resize_weights(left, width, images.shape[3], size, interpolation)
    if not images.is_floating_point():
        rows.div_(255)
    return separable(images, rows, cols).clamp_(0, 1)


def resize_weights(start: Tensor, length: Tensor, total: int, size: int, interpolation: str) -> Tensor:
    """Weights (n, size, total) that resize the pixels start..start+length, float (n,), of `total` to `size` pixels.

    Each row sums to 1 and is zero outside the box.
    """
    start, length = start.view(-1, 1, 1), length.view(-1, 1, 1)
    scale = length / size
    support = scale.clamp(min=1)  # antialiasing: the filter widens when the image shrinks
    pixel = torch.arange(total, device=start.device) - start
    outside = (pixel < 0) | (pixel >= length)
    # A pixel outside the box is infinitely far from every centre, so that the filter gives it no weight.
    pixel = pixel.add_(0.5).div_(support).masked_fill_(outside, torch.inf)
    centre = (torch.arange(size, device=start.device).view(-1, 1) + 0.5) * (scale / support)
    distance = (pixel - centre).abs_()
    weights = {"bilinear": _triangle_, "bicubic": _cubic_}[interpolation](distance)
    return weights.div_(weights.sum(-1, keepdim=True))


def _triangle_(distance: Tensor) -> Tensor:
    return distance.neg_().add_(1).clamp_(min=0)


def _cubic_(distance: Tensor) -> Tensor:
    """Keys' cubic with a = -0.5, which PyTorch and PIL take when antialiasing: v^2 (v - 1) / 2 - u^2 (2u - 1).

    Here u and v are what is left of the way to 1 and to 2, and 0 beyond; the first term alone is the outer piece.
    """
    v = distance.neg_().add_(2).clamp_(min=0)
    u = (v - 1).clamp_(min=0)
    inner = (2 * u).sub_(1).mul_(u).mul_(u)
    return (v - 1).mul_(v).mul_(v).mul_(0.5).sub_(inner)


def separable(images: Tensor, rows: Tensor, cols: Tensor) -> Tensor:
    """Filter each image along both axes: (n, C, H, W), (n, s, H), (n, t, W) -> (n, C, s, t) in the dtype of `rows`.

    Autocast is off: pixels need more than bfloat16.
    """
    with torch.autocast(images.device.type, enabled=False):
        lines = images.to(rows.dtype).flatten(1, 2) @ cols.mT  # faster than one product for each channel
        return rows.unsqueeze(1) @ lines.view(*images.shape[:3], -1)


def between(numbers: Tensor, low: float | Tensor, high: float | Tensor) -> Tensor:
    """Stretch numbers in [0, 1) to [low, high), in float64."""
    return low + (high - low) * numbers.double()
