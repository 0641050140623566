"""Operations on whole batches against torchvision's, image by image; order, strengths and switch of the jitter."""

import pytest
import torch
import torchvision.transforms.v2.functional as F

from contrastive_lab.augment import Color, ops
from contrastive_lab.augment.ops import OPS, jitter_
from tests.random_images import (
    DTYPES,
    HUE_TOLERANCE,
    TOLERANCE,
    TORCHVISION,
    close,
    pictures,
    pixels,
    recipe,
    step_random,
)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("index", range(4), ids=["brightness", "contrast", "saturation", "hue"])
def test_color_operation(index: int, channels: int, dtype: torch.dtype) -> None:
    images = pixels(40, dtype, channels=channels)
    numbers = step_random(40).uniform("factor").to(dtype)
    factors = numbers - 0.5 if index == 3 else 2 * numbers
    order = torch.tensor([[4, index, 4]]).expand(40, -1)
    actual = jitter_(images.clone(), factors.double().view(-1, 1).expand(-1, 4), order)
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


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("height", "width", "kernel"), [(28, 28, 3), (12, 17, 7), (40, 30, 23), (4, 3, 5)])
def test_gaussian_blur(height: int, width: int, kernel: int, dtype: torch.dtype) -> None:
    images = pixels(10, dtype, height, width)
    sigma = 0.1 + 3 * step_random(10).uniform("sigma").to(dtype)
    actual = ops.gaussian_blur(images, sigma, kernel)
    for image, width_of_one, blurred in zip(images, sigma.tolist(), actual, strict=True):
        close(blurred, F.gaussian_blur(image, [kernel, kernel], [width_of_one, width_of_one]), TOLERANCE[dtype])


@pytest.mark.parametrize("cached", [1, 2000, 2**18])
def test_jitter_in_pieces(cached: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders of several lengths, with and without a hue, one image, three or all of them at a time."""
    monkeypatch.setattr("contrastive_lab.augment.crop.CACHED", cached)
    images, numbers = pixels(60, torch.float64), step_random(60).uniform("color/0", 9)
    factors, order = Color(strength=2.0).factors(numbers[:, 1:5]), Color().order(numbers[:, 0], numbers[:, 5:])
    order[:20] = order[:20].masked_fill(order[:20] == 3, 4)
    order[20:40] = order[20:40].masked_fill(order[20:40] < 2, 4)
    changed = jitter_(images.clone(), factors, order)
    for image, slots, factor, actual in zip(images, order.tolist(), factors.tolist(), changed, strict=True):
        expected = image
        for index in slots:
            expected = expected if index == 4 else TORCHVISION[index](expected, factor[index])
        close(actual, expected, HUE_TOLERANCE)


def test_order_is_that_of_the_image() -> None:
    """Brightness then contrast, and the reverse, on the same picture in one batch."""
    image = pixels(4, torch.float64)[3]
    images, order = torch.stack((image, image, image)), torch.tensor([[0, 1, 4, 4], [1, 0, 4, 4], [4, 4, 4, 4]])
    changed = jitter_(images, torch.tensor([[1.7, 0.4, 1.0, 0.0]], dtype=torch.float64).expand(3, 4), order)
    close(changed[0], F.adjust_contrast(F.adjust_brightness(image, 1.7), 0.4), 1e-12)
    close(changed[1], F.adjust_brightness(F.adjust_contrast(image, 0.4), 1.7), 1e-12)
    assert torch.equal(changed[2], image)
    assert (changed[0] - changed[1]).abs().max() > 0.05


@pytest.mark.parametrize("color", [Color(p=0.0), Color(p=1.0, strength=0.0), Color(1.0, 0.0, 0.0, 0.0, 0.0)])
def test_color_off_is_identity(color: Color) -> None:
    images, without = pictures(20), recipe(order=["gray", "blur"])
    assert torch.equal(recipe(color=color)(images, step_random(20), 0), without(images, step_random(20), 0))


def test_strengths_and_probabilities_are_those_asked_for() -> None:
    color = Color(p=0.8, brightness=0.6, contrast=0.4, saturation=0.3, hue=0.1, strength=2.0)
    numbers = step_random(4000).uniform("color/0", 9)
    factors = color.factors(numbers[:, 1:5])
    for column, (low, high) in zip(factors.T, [(0, 2.2), (0.2, 1.8), (0.4, 1.6), (-0.2, 0.2)], strict=True):
        assert low <= column.min() < low + 0.01 and high - 0.01 < column.max() <= high
    order = color.order(numbers[:, 0], numbers[:, 5:])
    jittered = order[order[:, 0] < len(OPS)]
    assert abs(len(jittered) / 4000 - 0.8) < 0.032  # five standard errors
    assert torch.equal(jittered.sort(dim=1).values, torch.arange(4).expand_as(jittered))
    assert len(jittered.unique(dim=0)) == 24  # every order occurs: it is drawn for each image
