"""Operations on whole batches against torchvision's, image by image."""

import pytest
import torch
import torchvision.transforms.v2.functional as F

from contrastive_lab.augment import ops
from contrastive_lab.augment.color import OPS
from tests.random_images import DTYPES, HUE_TOLERANCE, TOLERANCE, TORCHVISION, close, pixels, step_random


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("index", range(4), ids=["brightness", "contrast", "saturation", "hue"])
def test_color_operation(index: int, channels: int, dtype: torch.dtype) -> None:
    images = pixels(40, dtype, channels=channels)
    numbers = step_random(40).uniform("factor").to(dtype)
    factors = numbers - 0.5 if index == 3 else 2 * numbers
    actual = OPS[index](images.clone(), factors.view(-1, 1, 1, 1))
    tolerance = HUE_TOLERANCE if index == 3 else TOLERANCE[dtype]
    for image, factor, changed in zip(images, factors.tolist(), actual, strict=True):
        close(changed, TORCHVISION[index](image, factor), tolerance)


def test_hue_by_a_third_of_the_circle_moves_the_channels() -> None:
    """Exact in float64, where torchvision's hue is not."""
    images = pixels(8, torch.float64)
    third = torch.full((8, 1, 1, 1), 1 / 3, dtype=torch.float64)
    close(ops.hue_(images.clone(), third), images[:, [2, 0, 1]], 1e-12)
    close(ops.hue_(images.clone(), -third), images[:, [1, 2, 0]], 1e-12)
    opposite = images.amax(1, keepdim=True) + images.amin(1, keepdim=True) - images
    close(ops.hue_(images.clone(), 1.5 * third), opposite, 1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 3])
def test_gray(channels: int, dtype: torch.dtype) -> None:
    images = pixels(10, dtype, channels=channels)
    expected = [F.rgb_to_grayscale(image, channels) for image in images]
    close(ops.gray(images), torch.stack(expected), TOLERANCE[dtype])
