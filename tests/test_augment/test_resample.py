"""Resizing and blurring of whole batches against torchvision's, image by image."""

import pytest
import torch
import torchvision.transforms.v2.functional as F
from torchvision.transforms import InterpolationMode

from contrastive_lab.augment import Crop, resample
from contrastive_lab.augment.crop import TRIES
from tests.random_images import DTYPES, TOLERANCE, close, pictures, pixels, step_random


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("height", "width", "size"), [(32, 32, 32), (50, 70, 16), (9, 13, 24), (12, 40, 20)])
def test_resized_crop(height: int, width: int, size: int, interpolation: str, dtype: torch.dtype) -> None:
    images = pictures(30, height, width)
    heights, widths = torch.full((30,), height), torch.full((30,), width)
    boxes = Crop(scale=(0.02, 1.0), ratio=(0.3, 3.0)).boxes(step_random(30).uniform("crop", TRIES, 4), heights, widths)
    boxes[0], boxes[1] = torch.tensor([height - 1, width - 1, 1, 1]), torch.tensor([0, 0, height, width])
    actual = resample.resized_crop(images, boxes, size, interpolation, dtype)
    assert actual.dtype == dtype
    for image, box, crop in zip(images, boxes.tolist(), actual, strict=True):
        mode = InterpolationMode(interpolation)
        expected = F.resized_crop(image.to(dtype) / 255, *box, [size, size], interpolation=mode, antialias=True)
        close(crop, expected.clamp(0, 1), TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("height", "width", "kernel"), [(28, 28, 3), (12, 17, 7), (40, 30, 23), (4, 3, 5)])
def test_gaussian_blur(height: int, width: int, kernel: int, dtype: torch.dtype) -> None:
    images = pixels(10, dtype, height, width)
    sigma = 0.1 + 3 * step_random(10).uniform("sigma").to(dtype)
    actual = resample.gaussian_blur(images, sigma, kernel)
    for image, width_of_one, blurred in zip(images, sigma.tolist(), actual, strict=True):
        close(blurred, F.gaussian_blur(image, [kernel, kernel], [width_of_one, width_of_one]), TOLERANCE[dtype])
