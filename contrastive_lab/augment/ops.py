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

from contrastive_lab.augment.crop import between, in_pieces, separable
from contrastive_lab.randomness import to_device

OPS = ("brightness", "contrast", "saturation", "hue")
BRIGHTNESS, CONTRAST, SATURATION, HUE = range(len(OPS))


def mixtures(kinds: Tensor, factors: Tensor, channels: int) -> Tensor:
    """Brightness, contrast and saturation by `factors` as matrices for `mix`: (...), (...) -> (..., 2, C, C).

    `kinds` are positions in OPS; another than these three gives the identity. With a factor f, brightness is f x,
    contrast f x + (1 - f) times the luma of the mean pixel, saturation f x + (1 - f) times the luma of x.
    """
    unit = torch.eye(channels, dtype=factors.dtype)
    weights = luma(unit.view(channels, channels, 1, 1)).view(1, channels).expand(channels, channels)
    factor = factors.where(kinds < HUE, 1.0)[..., None, None, None]
    blended = (kinds.unsqueeze(-1) == torch.tensor([SATURATION, CONTRAST]))[..., None, None]
    return factor * torch.stack((unit, torch.zeros_like(unit))) + (1 - factor) * (blended * weights)


def mix(images: Tensor, matrices: Tensor) -> Tensor:
    """Make each pixel x of an image of mean m A x + B m, clamped to [0, 1]: (n, C, H, W), A and B (n, 2, C, C)."""
    pixels, (own, mean) = images.flatten(2), matrices.unbind(1)
    shift = mean @ pixels.mean(2, keepdim=True)
    return torch.baddbmm(shift, own, pixels).clamp_(0, 1).view_as(images)


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


def gaussian_blur(images: Tensor, sigma: Tensor, kernel: int) -> Tensor:
    """Blur each image with its own sigma and reflected edges, as torchvision's gaussian_blur: float (n, C, H, W).

    `sigma` (n,), above 0, and `kernel`, an odd width, are in pixels; H and W are above kernel // 2.
    """
    height, width = images.shape[2:]
    rows, result = blur_weights(sigma, height, kernel), torch.empty_like(images)
    cols = rows if height == width else blur_weights(sigma, width, kernel)
    for part in zip(*in_pieces(images, images, rows, cols, result), strict=True):
        separable(*part)
    return result


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

    `order` (n, slots) holds positions in OPS, or len(OPS) for none, and the hue once at most; `factors` (n, 4) are
    those of the four operations; both are on the CPU. All but the hue are a product with matrices of the image's own,
    so that images with the hue in the same slot go through all slots together, while they are in the cache.
    """
    slots = order.shape[1]
    group = torch.where(order == HUE, torch.arange(slots), slots).amin(1)  # `slots` if there is no hue
    group.masked_fill_((order == len(OPS)).all(1), slots + 1)
    sort, counts = group.argsort(stable=True), group.bincount(minlength=slots + 2).tolist()[: slots + 1]
    sort = sort[: sum(counts)]  # the others stay as they are
    order, factors = order[sort], factors[sort].to(images.dtype)
    matrices = mixtures(order, factors.gather(1, order.clamp(max=HUE)), images.shape[1])
    numbers = (to_device(number, images.device) for number in (sort, matrices, factors[:, HUE].view(-1, 1, 1, 1)))
    with torch.autocast(images.device.type, enabled=False):
        for hue_slot, alike in enumerate(zip(*(number.split(counts) for number in numbers), strict=True)):
            for rows, matrix, turn in zip(*in_pieces(images, *alike), strict=True):
                if len(rows):
                    part = images.index_select(0, rows)
                    for slot in range(slots):
                        part = hue_(part, turn) if slot == hue_slot else mix(part, matrix[:, slot])
                    images.index_copy_(0, rows, part)
    return images
