"""Operations on batches of images in [0, 1], with one parameter per image.

Every operation agrees with the one of the same purpose in torchvision.transforms.v2.functional. Images are float
(n, C, H, W) with C of 1 or 3; as in torchvision, saturation and hue leave one-channel images as they are. A factor is
a tensor (n, 1, 1, 1). A name that ends in an underscore changes its images in place, as in PyTorch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import rgb_to_grayscale

from contrastive_lab.augment.crop import between, separable
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


def _blend_(images: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    rest = other * (1 - factor)  # before the images change, since `other` may be the images
    return images.mul_(factor).add_(rest).clamp_(0, 1)


def gaussian_blur(images: Tensor, sigma: Tensor, kernel: int) -> Tensor:
    """Blur each image with its own sigma and reflected edges, as torchvision's gaussian_blur: float (n, C, H, W).

    `sigma` (n,), above 0, and `kernel`, an odd width, are in pixels; H and W are above kernel // 2.
    """
    height, width = images.shape[2:]
    rows = blur_weights(sigma, height, kernel)
    return separable(images, rows, rows if height == width else blur_weights(sigma, width, kernel))


def blur_weights(sigma: Tensor, size: int, kernel: int) -> Tensor:
    """Gaussian weights over `size` pixels, with the reflected pixels folded in: (n,) -> (n, size, size)."""
    steps = torch.arange(kernel // 2 + 1, dtype=sigma.dtype, device=sigma.device)
    weights = (steps / sigma.unsqueeze(1)).square_().mul_(-0.5).exp_()
    weights /= 2 * weights.sum(1, keepdim=True) - weights[:, :1]  # all but the middle one occur twice
    i, last = torch.arange(size, device=sigma.device).unsqueeze(1), size - 1
    # Pixel j is seen where it is, and once more behind each edge unless it is the edge itself; `size` is too far.
    j = i.T
    ways = (i - j).abs(), (i + j).masked_fill(j == 0, size), (2 * last - i - j).masked_fill(j == last, size)
    times = (torch.stack(ways) == steps.view(-1, 1, 1, 1)).sum(1)  # at each distance, (steps, size, size)
    with torch.autocast(sigma.device.type, enabled=False):
        matrices = weights @ times.flatten(1).to(sigma.dtype)
    return matrices.view(-1, size, size)


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


OPS = (brightness_, contrast_, saturation_, hue_)


@dataclass(frozen=True)
class Color:
    """Colour jitter with the factors and the order of torchvision's ColorJitter, applied with probability `p`.

    With b the brightness, contrast or saturation, its factor is uniform in [max(0, 1 - b), 1 + b]; with h the hue, its
    turn is uniform in [-h, h] of the colour circle. `strength` multiplies the four (SimCLR, Appendix A); it is a
    ValueError if that makes the hue greater than 0.5, half the circle.
    """

    p: float = 0.8
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.4
    hue: float = 0.1
    strength: float = 1.0

    def __post_init__(self) -> None:
        if self.strength * self.hue > 0.5:
            raise ValueError(f"strength * hue is at most 0.5, not {self.strength * self.hue}")

    def spreads(self) -> Tensor:
        """Strengths of the four operations: float64 (4,)."""
        spreads = torch.tensor([self.brightness, self.contrast, self.saturation, self.hue], dtype=torch.float64)
        return spreads * self.strength

    def factors(self, numbers: Tensor) -> Tensor:
        """Factors of brightness, contrast and saturation and turn of the hue: uniform (n, 4) -> float64 (n, 4)."""
        spreads, neutral = self.spreads(), torch.tensor([1.0, 1.0, 1.0, 0.0], dtype=torch.float64)
        return between(numbers, neutral - spreads.clamp(max=1), neutral + spreads)

    def order(self, apply: Tensor, keys: Tensor) -> Tensor:
        """The operation that each image gets in each of four slots: integers (n, 4), see `jitter_`.

        Of uniform numbers in [0, 1), an image is jittered where `apply` (n,) is below `p`; the ranks of its `keys`
        (n, 4) are the order.
        """
        order = keys.argsort(dim=1, stable=True)
        idle = (apply >= self.p).unsqueeze(1) | (self.spreads() == 0)[order]
        return order.masked_fill(idle, len(OPS))


def jitter_(images: Tensor, factors: Tensor, order: Tensor) -> Tensor:
    """Apply to every image the operations that its row of `order` names, with its own factors: (n, C, H, W) in [0, 1].

    `order` (n, slots) holds positions in OPS, or len(OPS) for none, `factors` (n, 4) those of the four operations; both
    are on the CPU. In each slot the images are sorted by operation, from one buffer into another, where every operation
    works in place on consecutive images while they are still in the cache. The memory of `images` is one of the
    buffers, so their values are lost.
    """
    spare = torch.empty_like(images)
    factors = factors.gather(1, order.clamp(max=len(OPS) - 1)).to(images.dtype)
    position = torch.arange(len(order))  # of each image in the buffer
    for slot, factor in zip(order.unbind(1), factors.unbind(1), strict=True):
        sort, counts = slot.argsort(stable=True), slot.bincount(minlength=len(OPS) + 1).tolist()
        rows = to_device(position[sort], images.device).split(counts)
        numbers = to_device(factor[sort], images.device).view(-1, 1, 1, 1).split(counts)
        for index, part in enumerate(spare.split(counts)):
            torch.index_select(images, 0, rows[index], out=part)
            if index < len(OPS):
                OPS[index](part, numbers[index])
        images, spare, position = spare, images, sort.argsort()
    return torch.index_select(images, 0, to_device(position, images.device), out=spare)
