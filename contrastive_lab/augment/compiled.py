"""A recipe whose operations torch.compile makes loops of: the crop is one, jitter, grey and normalisation are another.

The numbers drawn are those of `Recipe`, and so are the views, to rounding. Where `Recipe` takes a batch apart by the
order of its operations, so that nothing is computed in vain, here each image goes through the same slots, some mixes,
the hue and some mixes, and those that it does not use leave it as it is: in one loop, they cost little. A mix has
weights w: a pixel x of an image of mean m becomes w_0 x + w_1 luma(x) + w_2 luma(m), clamped to [0, 1]. Letters: n
images, C channels (1 or 3), k mixes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cache

import torch
from torch import Tensor

from contrastive_lab.augment.crop import resized_crop
from contrastive_lab.augment.ops import CONTRAST, HUE, OPS, SATURATION
from contrastive_lab.augment.recipe import Recipe
from contrastive_lab.randomness import StepRandom, to_device

LUMA = (0.2989, 0.587, 0.114)  # ITU-R 601-2, as torchvision rounds it
AS_IT_IS = (1.0, 0.0, 0.0)  # the weights of a mix that changes nothing
Planes = Sequence[Tensor]  # a channel each, (n, H, W)


def compiled(recipe: Recipe) -> Recipe:
    """The recipe, its operations to be compiled; one of a class of its own, or with one twice, stays as it is."""
    if type(recipe) is not Recipe or len(set(recipe.order)) < len(recipe.order):
        return recipe
    return CompiledRecipe(**{each.name: getattr(recipe, each.name) for each in fields(recipe)})


@dataclass(frozen=True)
class CompiledRecipe(Recipe):
    """A `Recipe` that torch.compile makes loops of, at its first batch; on a CPU it needs a C++ compiler."""

    def _resized_crop(self) -> Callable[..., Tensor]:
        return _compiled(resized_crop)

    def _recolor_(self, images: Tensor, random: StepRandom, view: int) -> Tensor:
        none = torch.empty(len(images), 0, 3)
        before, turn, after = [none], None, [none]
        for name in self.order:
            if name == "color":
                first, turn, last = slots(*self._jitter(random, view))
                before, after = [*before, first], [*after, last]
            elif name == "gray":
                (before if turn is None else after).append(gray_mix(self._grays(random, view)))
            elif self.blur > 0:
                images = self._blur_(toned(images, before, turn, after), random, view)
                before, turn, after = [none], None, [none]
        return toned(images, before, turn, after, self.mean, self.std)


def toned(
    images: Tensor,
    before: Sequence[Tensor],
    turn: Tensor | None,
    after: Sequence[Tensor],
    *normal: Sequence[float],
) -> Tensor:
    """Mix, turn the hue, mix: (n, C, H, W) in [0, 1] -> the same; normalised by a mean and a deviation, (n, 3, H, W).

    Weights of mixes are (n, k, 3), turns of the hue (n,) in [-0.5, 0.5] of the circle, None for none, all on the CPU;
    `normal` are one number for each channel, or one for all.
    """
    phases = None if turn is None else (6 * turn.view(-1, 1) - torch.arange(0, 6, 2) + 3).remainder(6) - 3
    scales = (torch.tensor(list(numbers), dtype=torch.float64).expand(3) for numbers in normal)
    all_numbers = torch.cat(list(before), 1), phases, torch.cat(list(after), 1), *scales
    there = (None if each is None else to_device(each.to(images.dtype), images.device) for each in all_numbers)
    return _compiled(recolored)(images, *there)


@cache
def _compiled(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return torch.compile(function, dynamic=False)


def recolored(images: Tensor, before: Tensor, phases: Tensor | None, after: Tensor, *normal: Tensor) -> Tensor:
    """What `toned` does, of numbers on the images' device; `phases` (n, 3) are those of `turned`."""
    planes: Planes = images.unbind(1)
    for weights in before.unbind(1):
        planes = mixed(planes, weights)
    if phases is not None and len(planes) > 1:
        planes = turned(planes, phases)
    for weights in after.unbind(1):
        planes = mixed(planes, weights)
    if normal:
        mean, std = normal
        colour = planes if len(planes) > 1 else [*planes] * 3
        planes = [(plane - mean[at]) / std[at] for at, plane in enumerate(colour)]
    return torch.stack(list(planes), dim=1)


def mixed(planes: Planes, weights: Tensor) -> Planes:
    """A mix of each image by its row of weights, (n, 3)."""
    own, light, mean = (weight.view(-1, 1, 1) for weight in weights.unbind(1))
    luma = planes[0]
    if len(planes) > 1:
        luma = LUMA[0] * planes[0] + LUMA[1] * planes[1] + LUMA[2] * planes[2]
    added = light * luma + mean * luma.mean((1, 2), keepdim=True)
    return [(own * plane + added).clamp(0, 1) for plane in planes]


def turned(planes: Planes, phases: Tensor) -> Planes:
    """Turn the hue as `hue_` does: `phases` (n, 3) in [-3, 3] are sixths of the circle, the turn less each primary."""
    red, green, blue = planes
    low = torch.minimum(green, blue).minimum(red)
    chroma = (torch.maximum(green, blue).maximum(red) - low).clamp(min=1e-20)
    hue = ((green + blue - red - low) / chroma + 1).copysign(green - blue)
    ways = (((hue + phase.view(-1, 1, 1)).abs() - 3).abs() for phase in phases.unbind(1))
    return [low + chroma * (way - 1).clamp(0, 1) for way in ways]


def slots(factors: Tensor, order: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A jitter as mixes before the hue, its turn, and mixes behind it: weights (n, 3, 3), (n,), weights (n, 3, 3).

    `factors` (n, 4) and `order` (n, 4) are those of `jitter_`, with the hue once at most.
    """
    kinds, places = order.unsqueeze(-1), torch.arange(order.shape[1])
    factor = factors.gather(1, order.clamp(max=HUE)).unsqueeze(-1)
    blends = torch.cat([(kinds == kind) * (1 - factor) for kind in (SATURATION, CONTRAST)], dim=-1)
    unit = torch.tensor(AS_IT_IS, dtype=factors.dtype)
    weights = torch.where(kinds < HUE, torch.cat([factor, blends], dim=-1), unit)
    last = len(places) - 1
    hue, idle = (torch.where(order == kind, places, len(places)).amin(1, keepdim=True) for kind in (HUE, len(OPS)))
    place = torch.where(hue <= last, hue, idle)  # without a hue a slot is idle
    before, after = ((side.unsqueeze(-1), weights, unit) for side in (places < place, places > place))
    turn = torch.where(hue.squeeze(1) <= last, factors[:, HUE], 0.0)
    return torch.where(*before)[:, :-1], turn, torch.where(*after)[:, 1:]


def gray_mix(chosen: Tensor) -> Tensor:
    """Weights (n, 1, 3) of a mix that gives the chosen images, (n,), their luma, and leaves the others."""
    weights = torch.where(chosen.unsqueeze(1), torch.tensor([0.0, 1.0, 0.0]), torch.tensor(AS_IT_IS))
    return weights.unsqueeze(1)
