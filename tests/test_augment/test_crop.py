"""Crop boxes against a loop over tries, their ranges, the central box, and resizing against torchvision's."""

import math

import pytest
import torch
import torchvision.transforms.v2.functional as F
from torchvision.transforms import InterpolationMode

from contrastive_lab.augment import Crop
from contrastive_lab.augment.crop import TRIES, resize_weights, resized_crop
from tests.random_images import DTYPES, TOLERANCE, close, pictures, recipe, step_random


def box_by_loop(crop: Crop, numbers: list[list[float]], height: int, width: int) -> list[int]:
    """RandomResizedCrop.get_params of torchvision with given random numbers."""
    low, high = (math.log(value) for value in crop.ratio)
    for share, aspect, top, left in numbers:
        area = height * width * (crop.scale[0] + (crop.scale[1] - crop.scale[0]) * share)
        ratio = math.exp(low + (high - low) * aspect)
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            return [int(top * (height - h + 1)), int(left * (width - w + 1)), h, w]
    w, h = width, height
    if width / height < min(crop.ratio):
        h = round(w / min(crop.ratio))
    elif width / height > max(crop.ratio):
        w = round(h * max(crop.ratio))
    return [(height - h) // 2, (width - w) // 2, h, w]


@pytest.mark.parametrize("scale", [(0.08, 1.0), (0.5, 1.0)])
def test_boxes_are_those_of_the_loop(scale: tuple[float, float]) -> None:
    crop, numbers = Crop(scale=scale), step_random(300).uniform("crop/0", TRIES, 4)
    heights = torch.tensor([32, 32, 500, 20, 375]).repeat(60)
    widths = torch.tensor([32, 48, 333, 90, 500]).repeat(60)
    boxes = recipe(crop=crop).boxes(step_random(300), 0, heights, widths)
    assert boxes.dtype == torch.long
    expected = [
        box_by_loop(crop, tries, *shape)
        for tries, *shape in zip(numbers.tolist(), heights.tolist(), widths.tolist(), strict=True)
    ]
    assert boxes.tolist() == expected


def test_boxes_lie_inside_and_in_range() -> None:
    heights, widths = torch.full((2000,), 200), torch.full((2000,), 300)
    boxes = recipe(crop=Crop(scale=(0.2, 0.9))).boxes(step_random(2000), 0, heights, widths)
    top, left, height, width = boxes.unbind(1)
    assert (boxes[:, :2] >= 0).all() and (top + height <= 200).all() and (left + width <= 300).all()
    share, aspect = (height * width).double() / 60_000, (width / height).log()
    assert 0.195 < share.min() < 0.21 and 0.88 < share.max() < 0.905  # a side rounds by half a pixel
    assert math.log(0.74) < aspect.min() < math.log(0.77) and math.log(1.3) < aspect.max() < math.log(1.35)
    for start, room in ((top, 200 - height), (left, 300 - width)):
        # The mean of 2000 uniform numbers of standard deviation 0.29; five standard errors.
        assert abs((start / room.clamp(min=1))[room > 20].mean() - 0.5) < 0.035


def test_fallback_by_hand() -> None:
    """Area 1000 and aspect ratio of at most 4/3 need a height of 27, so no try fits: the central box of 4/3."""
    heights, widths = torch.tensor([10, 100, 30]), torch.tensor([100, 10, 30])
    boxes = recipe(crop=Crop(scale=(1.0, 1.0))).boxes(step_random(3), 0, heights, widths)
    assert boxes[0].tolist() == [0, 43, 10, 13]  # 10 * 4/3 = 13.3; (100 - 13) // 2
    assert boxes[1].tolist() == [43, 0, 13, 10]
    whole = Crop(scale=(1.0, 1.0), ratio=(0.9, 0.95))
    assert recipe(crop=whole).boxes(step_random(1), 0, heights[2:], widths[2:]).tolist() == [
        [0, 1, 30, 28]
    ]  # 30 * 0.95


@pytest.mark.parametrize(("ratio", "box"), [(1e-9, [0, 4, 10, 1]), (1e9, [4, 0, 1, 10])])
def test_a_box_has_a_pixel_at_least(ratio: float, box: list[int]) -> None:
    side = torch.tensor([10])
    found = recipe(crop=Crop(scale=(1.0, 1.0), ratio=(ratio, ratio))).boxes(step_random(1), 0, side, side)
    assert found.tolist() == [box]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("height", "width", "size"), [(32, 32, 32), (50, 70, 16), (9, 13, 24), (12, 40, 20)])
def test_resized_crop(height: int, width: int, size: int, interpolation: str, dtype: torch.dtype) -> None:
    images = pictures(30, height, width)
    heights, widths = torch.full((30,), height), torch.full((30,), width)
    boxes = Crop(scale=(0.02, 1.0), ratio=(0.3, 3.0)).boxes(step_random(30).uniform("crop", TRIES, 4), heights, widths)
    boxes[0], boxes[1] = torch.tensor([height - 1, width - 1, 1, 1]), torch.tensor([0, 0, height, width])
    actual = resized_crop(images, boxes, size, interpolation, dtype)
    assert actual.dtype == dtype
    for image, box, crop in zip(images, boxes.tolist(), actual, strict=True):
        mode = InterpolationMode(interpolation)
        expected = F.resized_crop(image.to(dtype) / 255, *box, [size, size], interpolation=mode, antialias=True)
        close(crop, expected.clamp(0, 1), TOLERANCE[dtype])


@pytest.mark.parametrize("cached", [1, 5000, 2**18])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("height", "width", "size"), [(32, 32, 32), (50, 70, 16)])
def test_flipped_in_pieces_is_the_crop_flipped(
    height: int, width: int, size: int, interpolation: str, cached: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, numbers = pictures(30, height, width), step_random(30).uniform("crop", TRIES, 4)
    boxes = Crop(scale=(0.02, 1.0)).boxes(numbers, torch.full((30,), height), torch.full((30,), width))
    flip = step_random(30).uniform("flip") < 0.5
    crops = resized_crop(images, boxes, size, interpolation, torch.float64)
    monkeypatch.setattr("contrastive_lab.augment.crop.CACHED", cached)
    actual = resized_crop(images, boxes, size, interpolation, torch.float64, flip)
    close(actual, torch.where(flip.view(-1, 1, 1, 1), crops.flip(-1), crops), 1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
def test_two_pixels_are_the_dense_filter(dtype: torch.dtype) -> None:
    """Without shrinking, the weights are those of the antialiasing filter, which 20 more columns call for."""
    start, length = torch.tensor([[0, 3, 7, 0, 19], [20, 9, 1, 1, 1]], dtype=dtype)
    places = (torch.arange(20, dtype=dtype) + 0.5).expand(5, -1)
    few, dense = (resize_weights(start, length, total, places, "bilinear") for total in (20, 40))
    close(few, dense[:, :, :20], TOLERANCE[dtype])
    assert not dense[:, :, 20:].any()
