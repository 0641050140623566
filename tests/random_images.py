"""Random images, recipes and random numbers of a step for the tests of the augmentations."""

from dataclasses import replace
from typing import Any

import torch
import torchvision.transforms.v2.functional as F
from torch import Tensor
from torch.testing import assert_close

from contrastive_lab.augment import Color, Crop, Recipe
from contrastive_lab.randomness import StepRandom

MEAN, STD = [0.49, 0.48, 0.45], [0.25, 0.24, 0.26]
TOLERANCE = {torch.float32: 2e-6, torch.float64: 1e-12}  # of pixels in [0, 1]
HUE_TOLERANCE = 2e-6  # torchvision computes the hue in float32 whatever the input
DTYPES = list(TOLERANCE)
TORCHVISION = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)  # in the order of OPS


def step_random(count: int = 64, start: int = 0, size: int | None = None, step: int = 0) -> StepRandom:
    return StepRandom(seed=1, epoch=0, step=step, size=count if size is None else size, start=start, count=count)


def pictures(count: int, height: int = 32, width: int = 32, channels: int = 3) -> Tensor:
    source = torch.Generator().manual_seed(height * width)
    return torch.randint(0, 256, (count, channels, height, width), dtype=torch.uint8, generator=source)


def pixels(count: int, dtype: torch.dtype, height: int = 12, width: int = 17, channels: int = 3) -> Tensor:
    """Images in [0, 1], the first ones coarse, so that greys, blacks and equal channels occur."""
    images = pictures(count, height, width, channels).to(dtype) / 255
    images[: count // 2] = (images[: count // 2] * 2).round() / 2
    return images


def recipe(**changes: Any) -> Recipe:
    """MoCo v2's recipe with changes."""
    base = Recipe(32, MEAN, STD, Crop(), flip=0.5, color=Color(), gray=0.2, blur=0.5)
    return replace(base, **changes)


def plain(**changes: Any) -> Recipe:
    """A recipe with everything off, with changes."""
    whole = Crop(scale=(1.0, 1.0), ratio=(1.0, 1.0))
    return recipe(**({"crop": whole, "flip": 0.0, "color": Color(p=0.0), "gray": 0.0, "blur": 0.0} | changes))


def close(actual: Tensor, expected: Tensor, tolerance: float) -> None:
    assert_close(actual, expected, rtol=0, atol=tolerance)
