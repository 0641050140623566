"""Colour jitter with a strength and an order of its own for every image.

Letters: n images, C channels (1 or 3).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from contrastive_lab.augment import ops
from contrastive_lab.randomness import to_device

OPS = (ops.brightness_, ops.contrast_, ops.saturation_, ops.hue_)


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
        return ops.between(numbers, neutral - spreads.clamp(max=1), neutral + spreads)

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
