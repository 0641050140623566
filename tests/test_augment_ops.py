"""Operations on whole batches against torchvision's, image by image."""

import pytest
import torch
import torchvision.transforms.v2.functional as F
from torch import Tensor
from torchvision.transforms import InterpolationMode

from contrastive_lab.augment import Color, Crop, Recipe, ops, resample
from contrastive_lab.augment.color import OPS
from contrastive_lab.augment.crop import TRIES
from tests.pictures import DTYPES, HUE_TOLERANCE, TOLERANCE, close, pictures, pixels, recipe, step_random

REFERENCE = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("height", "width", "size"), [(32, 32, 32), (50, 70, 16), (9, 13, 24), (12, 40, 20)])
def test_resized_crop(height: int, width: int, size: int, interpolation: str, dtype: torch.dtype) -> None:
    images = pictures(30, height, width)
    heights, widths = torch.full((30,), height), torch.full((30,), width)
    boxes = Crop(scale=(0.02, 1.0), ratio=(0.3, 3.0)).boxes(step_random(30).uniform("crop", TRIES, 4), heights, widths)
    boxes[0], boxes[1] = torch.tensor([height - 1, width - 1, 1, 1]), torch.tensor([0, 0, height, width])
    actual = resample.resized_crop(images, boxes, size, interpolation, dtype)  # type: ignore[arg-type]
    assert actual.dtype == dtype
    for image, box, crop in zip(images, boxes.tolist(), actual, strict=True):
        mode = InterpolationMode(interpolation)
        expected = F.resized_crop(image.to(dtype) / 255, *box, [size, size], interpolation=mode, antialias=True)
        close(crop, expected.clamp(0, 1), TOLERANCE[dtype])


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
        close(changed, REFERENCE[index](image, factor), tolerance)


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


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("height", "width", "kernel"), [(28, 28, 3), (12, 17, 7), (40, 30, 23), (4, 3, 5)])
def test_gaussian_blur(height: int, width: int, kernel: int, dtype: torch.dtype) -> None:
    images = pixels(10, dtype, height, width)
    sigma = 0.1 + 3 * step_random(10).uniform("sigma").to(dtype)
    actual = resample.gaussian_blur(images, sigma, kernel)
    for image, width_of_one, blurred in zip(images, sigma.tolist(), actual, strict=True):
        close(blurred, F.gaussian_blur(image, [kernel, kernel], [width_of_one, width_of_one]), TOLERANCE[dtype])


def by_torchvision(recipe: Recipe, image: Tensor, numbers: dict[str, Tensor], kernel: int) -> Tensor:
    """What `finish` must make of one image, from torchvision's functions and the numbers drawn for it."""
    if numbers["flip"] < recipe.flip:
        image = F.horizontal_flip(image)
    for name in recipe.order:
        apply = numbers[name].view(-1)[0]
        if name == "gray" and apply < recipe.gray:
            image = F.rgb_to_grayscale(image, 3)
        if name == "blur" and apply < recipe.blur:
            low, high = recipe.blur_sigma
            image = F.gaussian_blur(image, [kernel, kernel], [low + (high - low) * numbers[name][1].item()] * 2)
        if name == "color" and apply < recipe.color.p:
            factors = recipe.color.factors(numbers[name][None, 1:5])[0].tolist()
            for index in numbers[name][5:].argsort().tolist():
                image = REFERENCE[index](image, factors[index])
    return F.normalize(image, list(recipe.mean), list(recipe.std))


@pytest.mark.parametrize("order", [["color", "gray", "blur"], ["gray", "blur", "color"]])
@pytest.mark.parametrize(("size", "kernel"), [(32, 3), (45, 5), (50, 5)])
def test_finish_is_torchvision_image_by_image(order: list[str], size: int, kernel: int) -> None:
    """With a jitter order per image; one order for the batch, or parameters of another image, would fail."""
    made = recipe(size=size, order=order, color=Color(0.8, 0.8, 0.8, 0.8, 0.2))
    crops, drawn = pictures(48, size, size).double() / 255, step_random(48)
    shapes: dict[str, tuple[int, ...]] = {"flip": (), "color": (9,), "gray": (), "blur": (2,)}
    numbers = {name: drawn.uniform(f"{name}/1", *shape) for name, shape in shapes.items()}
    actual = made.finish(crops, drawn, 1, dtype=torch.float64)
    for row, image in enumerate(crops):
        mine = {name: values[row] for name, values in numbers.items()}
        close(actual[row], by_torchvision(made, image, mine, kernel), 1e-5)  # the hue's float32, over a std of 0.24
