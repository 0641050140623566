"""Operations on batches of images in [0, 1], with one parameter per image.

Every operation agrees with the one of the same purpose in torchvision.transforms.v2.functional. Images are float
(n, C, H, W) with C of 1 or 3; as in torchvision, saturation and hue leave one-channel images as they are. A factor is
a tensor (n, 1, 1, 1). A name that ends in an underscore changes its images in place, as in PyTorch.
"""

from collections.abc import Callable, Sequence
from itertools import cycle

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import rgb_to_grayscale

from contrastive_lab.randomness import to_device


def brightness_(images: Tensor, factor: Tensor) -> Tensor:
    """Multiply by `factor` and clamp to [0, 1]."""
    return images.mul_(factor).clamp_(0, 1)


def contrast_(images: Tensor, factor: Tensor) -> Tensor:
    """Blend with the mean luma of the image: factor 1 keeps the image, 0 gives the mean."""
    return _blend_(images, luma(images.mean((2, 3), keepdim=True)), factor)


def saturation_(images: Tensor, factor: Tensor) -> Tensor:
    """Blend with the luma of each pixel: factor 1 keeps the image, 0 gives grey."""
    return _blend_(images, luma(images), factor)


def hue_(images: Tensor, turn: Tensor) -> Tensor:
    """Turn the hue by `turn` of the colour circle, (n, 1, 1, 1) in [-0.5, 0.5].

    With V and m the largest and smallest channel and C = V - m, the hue of a pixel lies 1 + (G + B - R - m) / C
    sixths of the circle from red, on green's side if G > B. A channel is V within one sixth of its own primary
    colour, m beyond two sixths and linear between; the primaries of R, G and B stand at 0, 2 and 4.
    """
    if images.shape[1] == 1:
        return images
    red, green, blue = images.unbind(1)
    low = torch.minimum(green, blue).minimum(red)
    chroma = torch.maximum(green, blue).maximum(red).sub_(low).clamp_(min=1e-20)  # no 0 / 0 in grey pixels
    hue = (green + blue).sub_(red).sub_(low).div_(chroma).add_(1).copysign_(green - blue)
    primaries = torch.arange(0, 6, 2, device=images.device).view(-1, 1, 1)
    phase = (6 * turn - primaries + 3).remainder_(6).sub_(3)
    # The sum x lies in [-6, 6], where the way to the primary, the short way round, is 3 - ||x| - 3|.
    ramp = (hue.unsqueeze(1) + phase).abs_().sub_(3).abs_().sub_(1).clamp_(0, 1)
    return torch.addcmul(low.unsqueeze(1), chroma.unsqueeze(1), ramp, out=images)


def gray(images: Tensor) -> Tensor:
    """Give every channel the luma: (n, C, H, W) -> (n, C, H, W)."""
    return luma(images).expand_as(images)


def luma(images: Tensor) -> Tensor:
    """Lightness by the weights of ITU-R 601-2: (n, C, H, W) -> (n, 1, H, W)."""
    return images if images.shape[1] == 1 else rgb_to_grayscale(images)


def normalize_(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Subtract the mean of each channel and divide by its standard deviation, one number for each or one for all."""
    for channel, shift, scale in zip(images.unbind(1), cycle(mean), cycle(std), strict=False):
        channel.sub_(shift).div_(scale)
    return images


def replace_(images: Tensor, chosen: Tensor, op: Callable[[Tensor], Tensor]) -> Tensor:
    """Replace the images for which `chosen`, (n,) on the CPU, is true by `op` of them."""
    if chosen.any():
        rows = to_device(chosen.nonzero().squeeze(1), images.device)
        images.index_copy_(0, rows, op(images.index_select(0, rows)))
    return images


def between(numbers: Tensor, low: float | Tensor, high: float | Tensor) -> Tensor:
    """Stretch numbers in [0, 1) to [low, high), in float64."""
    return low + (high - low) * numbers.double()


def _blend_(images: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    rest = other * (1 - factor)  # before the images change, since `other` may be the images
    return images.mul_(factor).add_(rest).clamp_(0, 1)
