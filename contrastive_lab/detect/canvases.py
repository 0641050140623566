"""Canvases: objects of a data set pasted on clutter, with exact boxes and classes; a function of (seed, number).

Nothing is stored: a canvas is drawn when it is asked for. Letters: n images of h x w pixels, m objects.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from contrastive_lab.dataset.split import Arrays
from contrastive_lab.detect.scenes import Scene, scene
from contrastive_lab.randomness import generator

TRIES = 20  # places that are tried for an object before it is left out
DARK = 26  # of 255: what is darker is no part of an object that is cut out
DIM = (0.3, 0.9)  # least and greatest brightness of a patch of the clutter


@dataclass(frozen=True)
class Layout:
    """What a canvas is like: `size` pixels high and wide, `objects` from the least to the most, with their `sides`.

    The longer side of an object's tile is uniform in `sides`, in pixels, its height / width in `ratio`, up to rounding.
    Two tiles share at most `overlap` of the smaller one. Clutter are squares of `patch` pixels of other images. With
    `cut` an object is what is not dark in its tile; None cuts grey images and leaves colour ones whole.
    """

    size: int = 96
    objects: tuple[int, int] = (1, 5)
    sides: tuple[float, float] = (16, 48)
    ratio: tuple[float, float] = (0.75, 1.33)
    overlap: float = 0.3
    patch: int = 16
    cut: bool | None = None


class Canvases:
    """So many scenes of the objects in `images`, which have labels; a function of `key`, e.g. (seed, "train").

    Tiles are pasted one after the other, later ones upon earlier ones; a box is around all pixels of its object that
    are seen, and an object of which none is seen has no box. `names` are those of the classes.
    """

    def __init__(
        self, images: Arrays, count: int, layout: Layout, key: Sequence[object], names: Sequence[str], hash: str = ""
    ) -> None:
        self.images, self.count, self.layout, self.key = images, count, layout, tuple(key)
        self.names, self.hash = tuple(names), hash
        self.cut = layout.cut if layout.cut is not None else images.images.shape[3] == 1

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> Scene:
        """The canvas of a number from 0 to count - 1; IndexError beyond."""
        if not 0 <= number < self.count:
            raise IndexError(number)
        source, layout = generator(*self.key, "canvas", number), self.layout
        least, most = layout.objects
        m = int(torch.randint(least, most + 1, (), generator=source))
        cells = math.ceil(layout.size / layout.patch) ** 2
        ids = torch.randperm(len(self.images), generator=source)[: m + cells]  # no object is of the clutter, too
        ids = ids.repeat(math.ceil((m + cells) / len(ids)))[: m + cells]
        canvas, owner = self._clutter(ids[m:], source), torch.zeros(layout.size, layout.size, dtype=torch.int64)
        placed = self._places(m, source)
        for number, (place, row) in enumerate(zip(placed, ids[:m].tolist(), strict=False), 1):
            self._paste(canvas, owner, number, place, row)
        assert self.images.labels is not None
        seen = [i for i in range(1, len(placed) + 1) if (owner == i).any()]
        labels = self.images.labels[ids[[i - 1 for i in seen]]] + 1
        return scene(canvas.expand(3, -1, -1).contiguous(), [extent(owner == i) for i in seen], labels)

    def _pixels(self, row: int) -> Tensor:
        """An image, uint8 (C, h, w)."""
        return torch.from_numpy(self.images.images[row].copy()).permute(2, 0, 1)

    def _clutter(self, rows: Tensor, source: torch.Generator) -> Tensor:
        """Squares of images, each of a brightness of its own, as uint8 (C, size, size)."""
        size, patch, across = self.layout.size, self.layout.patch, math.isqrt(len(rows))
        side = min(patch, *self.images.images.shape[1:3])
        numbers = torch.rand(len(rows), 3, generator=source)
        squares = []
        for row, (down, right, dim) in zip(rows.tolist(), numbers.tolist(), strict=True):
            pixels = self._pixels(row).float()
            top, left = int(down * (pixels.shape[1] - side + 1)), int(right * (pixels.shape[2] - side + 1))
            square = pixels[:, top : top + side, left : left + side] * (DIM[0] + (DIM[1] - DIM[0]) * dim)
            squares.append(square if side == patch else F.interpolate(square[None], patch)[0])
        grid = torch.stack(squares).unflatten(0, (across, across))  # (rows, columns, C, patch, patch)
        clutter: Tensor = grid.permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2)[:, :size, :size]
        return clutter.round().to(torch.uint8)

    def _places(self, m: int, source: torch.Generator) -> list[tuple[int, int, int, int]]:
        """Top, left, height and width of the tiles of up to m objects."""
        layout, found = self.layout, list[tuple[int, int, int, int]]()
        for _ in range(m):
            numbers = torch.rand(2 + 2 * TRIES, generator=source).tolist()
            side = layout.sides[0] + (layout.sides[1] - layout.sides[0]) * numbers[0]
            ratio = layout.ratio[0] + (layout.ratio[1] - layout.ratio[0]) * numbers[1]
            height, width = (max(1, min(layout.size, round(side * f))) for f in (min(1, ratio), min(1, 1 / ratio)))
            for down, right in zip(numbers[2::2], numbers[3::2], strict=True):
                top, left = int(down * (layout.size - height + 1)), int(right * (layout.size - width + 1))
                place = (top, left, height, width)
                if all(shared(place, other) <= layout.overlap for other in found):
                    found.append(place)
                    break
        return found

    def _paste(self, canvas: Tensor, owner: Tensor, number: int, place: tuple[int, int, int, int], row: int) -> None:
        """Draw an image into the canvas (C, size, size), and its number where it is seen, (size, size)."""
        top, left, height, width = place
        tile = F.interpolate(self._pixels(row)[None].float(), (height, width), mode="bilinear", antialias=True)[0]
        tile = tile.round().clamp(0, 255).to(torch.uint8)
        own = (tile >= DARK).any(dim=0) if self.cut else torch.ones(height, width, dtype=torch.bool)
        window = (slice(top, top + height), slice(left, left + width))
        canvas[:, *window] = torch.where(own, tile, canvas[:, *window])
        owner[window] = torch.where(own, number, owner[window])


def shared(one: Sequence[float], other: Sequence[float]) -> float:
    """Which share of the smaller of two tiles (top, left, height, width) the other covers, in [0, 1]."""
    height = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    width = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(0, height) * max(0, width) / min(one[2] * one[3], other[2] * other[3])


def extent(mask: Tensor) -> list[float]:
    """The box x0, y0, x1, y1 around the true pixels of a mask (H, W), of which there is one at least."""
    rows, columns = (mask.any(dim=dim).nonzero().flatten() for dim in (1, 0))
    return [float(columns[0]), float(rows[0]), float(columns[-1]) + 1, float(rows[-1]) + 1]
