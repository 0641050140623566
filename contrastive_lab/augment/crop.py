"""Random crops of n images at once: their boxes and their resizing.

Boxes follow torchvision's RandomResizedCrop.get_params. Resizing is a matrix product, rows @ image @ columns^T, with a
pair of small matrices for each image. On a CPU it is done for a few images at a time, which stay in the cache and whose
memory is used again. Letters: n images, C channels, H and W height and width, s side of the result.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

TRIES = 10
CACHED = 2**20  # pixel values in a piece: 4 MiB of float32


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


def resized_crop(
    images: Tensor, boxes: Tensor, size: int, interpolation: str, dtype: torch.dtype, flip: Tensor | None = None
) -> Tensor:
    """Crop a box of each image and resize it with antialiasing, as torchvision's resized_crop with `antialias`.

    (n, C, H, W), uint8 or float in [0, 1] -> (n, C, s, s) in [0, 1], where s is `size` and what bicubic overshoots is
    clamped; all arithmetic is in `dtype`. `boxes` are integers (n, 4) on the same device, inside the image: top, left,
    height, width. The result is mirrored, left to right, where `flip`, (n,) on the same device, is true.
    """
    result = torch.empty(*images.shape[:2], size, size, dtype=dtype, device=images.device)
    places = torch.arange(size, dtype=dtype, device=images.device).add_(0.5).expand(len(images), -1)
    mirrored = places if flip is None else torch.where(flip.unsqueeze(1), size - places, places)
    for part, box, y, x, out in zip(*in_pieces(images, images, boxes.to(dtype), places, mirrored, result), strict=True):
        top, left, height, width = box.unbind(1)
        rows = resize_weights(top, height, images.shape[2], y, interpolation)
        cols = resize_weights(left, width, images.shape[3], x, interpolation)
        if not images.is_floating_point():
            rows.div_(255)
        separable(part, rows, cols, out).clamp_(0, 1)
    return result


def in_pieces(images: Tensor, *tensors: Tensor) -> list[tuple[Tensor, ...]]:
    """Split tensors along dim 0, evenly, so that as many `images` fit in the cache of a CPU; on a GPU not at all."""
    values = len(tensors[0]) * images[:1].numel() if images.device.type == "cpu" else 1
    return [tensor.chunk(max(1, math.ceil(values / CACHED))) for tensor in tensors]


def resize_weights(start: Tensor, length: Tensor, total: int, places: Tensor, interpolation: str) -> Tensor:
    """Weights (n, s, total) that resize the pixels start..start+length, float (n,), of `total` to s pixels.

    The middles of the s pixels are `places` in [0, s], (n, s). Each row sums to 1 and is zero outside the box.
    """
    start, length, size = start.view(-1, 1, 1), length.view(-1, 1, 1), places.shape[-1]
    scale = length / size
    pixel = torch.arange(total, dtype=start.dtype, device=start.device)
    if interpolation == "bilinear" and total <= size:  # no box shrinks: the two pixels beside each place, or its edge
        centre = (places.unsqueeze(-1) * scale).sub_(0.5).clamp_(min=0).minimum(length - 1).add_(start)
        return _triangle_((pixel - centre).abs_())
    support = scale.clamp(min=1)  # antialiasing: the filter widens when the image shrinks
    pixel = pixel - start
    outside = (pixel < 0) | (pixel >= length)
    # A pixel outside the box is infinitely far from every centre, so that the filter gives it no weight.
    pixel = pixel.add_(0.5).div_(support).masked_fill_(outside, torch.inf)
    centre = places.unsqueeze(-1) * (scale / support)
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


def separable(images: Tensor, rows: Tensor, cols: Tensor, out: Tensor | None = None) -> Tensor:
    """Filter each image along both axes: (n, C, H, W), (n, s, H), (n, t, W) -> (n, C, s, t) in the dtype of `rows`.

    The result is written to `out` if that is given. Autocast is off: pixels need more than bfloat16.
    """
    with torch.autocast(images.device.type, enabled=False):
        lines = images.to(rows.dtype).flatten(1, 2) @ cols.mT  # faster than one product for each channel
        return torch.matmul(rows.unsqueeze(1), lines.view(*images.shape[:3], -1), out=out)


def between(numbers: Tensor, low: float | Tensor, high: float | Tensor) -> Tensor:
    """Stretch numbers in [0, 1) to [low, high), in float64."""
    return low + (high - low) * numbers.double()
