"""Boxes and random numbers of a recipe: where they lie, and what they depend on."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from contrastive_lab.augment import Color, Crop
from contrastive_lab.augment.color import OPS
from contrastive_lab.augment.crop import TRIES
from tests.pictures import close, pictures, recipe, step_random

# Boxes


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


# Draws


def test_rows_of_a_process() -> None:
    images, whole, part = pictures(200), step_random(200), step_random(64, start=64, size=200)
    made, rows = recipe(blur=0.5), slice(64, 128)
    heights = torch.full((200,), 32)
    assert torch.equal(made.boxes(part, 0, heights[rows], heights[rows]), made.boxes(whole, 0, heights, heights)[rows])
    mine, all_rows = part.uniform("color/0", 9), whole.uniform("color/0", 9)
    assert torch.equal(made.color.factors(mine[:, 1:5]), made.color.factors(all_rows[:, 1:5])[rows])
    mine_order = made.color.order(mine[:, 0], mine[:, 5:])
    assert torch.equal(mine_order, made.color.order(all_rows[:, 0], all_rows[:, 5:])[rows])
    everything = made(images, whole, 0, dtype=torch.float64)
    close(made(images[rows], part, 0, dtype=torch.float64), everything[rows], 1e-12)
    assert not torch.equal(everything[rows], made(images[rows], step_random(64), 0, dtype=torch.float64))


@pytest.mark.parametrize(
    ("purpose", "off"), [("blur/0", {"blur": 0.0}), ("gray/0", {"gray": 0.0}), ("flip/0", {"flip": 0.0})]
)
def test_turning_one_off_leaves_the_others(purpose: str, off: dict[str, Any]) -> None:
    images, on = pictures(64), recipe(flip=0.5, gray=0.5, blur=0.5)
    numbers = step_random().uniform(purpose, 2)[:, 0] if purpose == "blur/0" else step_random().uniform(purpose)
    touched = numbers < 0.5
    with_it, without = (
        on(images, step_random(), 0, torch.float64),
        replace(on, **off)(images, step_random(), 0, torch.float64),
    )
    changed = (with_it - without).abs().amax((1, 2, 3)) > 1e-9
    assert 10 < touched.sum() < 54
    assert torch.equal(changed, touched)


def test_turning_color_off_leaves_the_others() -> None:
    images, on = pictures(64), recipe(color=Color(p=0.5))
    untouched = step_random().uniform("color/0", 9)[:, 0] >= 0.5
    difference = on(images, step_random(), 0) - replace(on, color=Color(p=0.0))(images, step_random(), 0)
    assert torch.equal(difference.abs().amax((1, 2, 3)) < 1e-6, untouched)


def test_views_and_steps_differ() -> None:
    images, made = pictures(16), recipe()
    views = [
        made(images, step_random(16), 0),
        made(images, step_random(16), 1),
        made(images, step_random(16, step=1), 0),
    ]
    for other in views[1:]:
        assert ((views[0] - other).abs().amax((1, 2, 3)) > 0.05).all()
    assert torch.equal(views[0], made(images, step_random(16), 0))


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
