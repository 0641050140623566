"""Augmentations of whole batches against torchvision's, image by image, and against what must hold of any of them."""

import math
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision.transforms.v2.functional as F
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor
from torch.testing import assert_close
from torchvision.transforms import InterpolationMode

from contrastive_lab.augment import Color, Crop, Recipe, ops, resample
from contrastive_lab.augment.color import OPS, jitter_
from contrastive_lab.augment.crop import TRIES
from contrastive_lab.draw import Draw

CONF = Path(__file__).parent.parent / "conf" / "augment"
MEAN, STD = [0.49, 0.48, 0.45], [0.25, 0.24, 0.26]
TOLERANCE = {torch.float32: 2e-6, torch.float64: 1e-12}  # of pixels in [0, 1]
HUE_TOLERANCE = 2e-6  # torchvision computes the hue in float32 whatever the input
DTYPES = list(TOLERANCE)
REFERENCE = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)


def draw(count: int = 64, start: int = 0, size: int | None = None, step: int = 0) -> Draw:
    return Draw(seed=1, epoch=0, step=step, size=count if size is None else size, start=start, count=count)


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


# Operations against torchvision


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("height", "width", "size"), [(32, 32, 32), (50, 70, 16), (9, 13, 24), (12, 40, 20)])
def test_resized_crop(height: int, width: int, size: int, interpolation: str, dtype: torch.dtype) -> None:
    images = pictures(30, height, width)
    heights, widths = torch.full((30,), height), torch.full((30,), width)
    boxes = Crop(scale=(0.02, 1.0), ratio=(0.3, 3.0)).boxes(draw(30).uniform("crop", TRIES, 4), heights, widths)
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
    numbers = draw(40).uniform("factor").to(dtype)
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
    sigma = 0.1 + 3 * draw(10).uniform("sigma").to(dtype)
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
    crops, drawn = pictures(48, size, size).double() / 255, draw(48)
    shapes: dict[str, tuple[int, ...]] = {"flip": (), "color": (9,), "gray": (), "blur": (2,)}
    numbers = {name: drawn.uniform(f"{name}/1", *shape) for name, shape in shapes.items()}
    actual = made.finish(crops, drawn, 1, dtype=torch.float64)
    for row, image in enumerate(crops):
        mine = {name: values[row] for name, values in numbers.items()}
        close(actual[row], by_torchvision(made, image, mine, kernel), 1e-5)  # the hue's float32, over a std of 0.24


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
    crop, numbers = Crop(scale=scale), draw(300).uniform("crop/0", TRIES, 4)
    heights = torch.tensor([32, 32, 500, 20, 375]).repeat(60)
    widths = torch.tensor([32, 48, 333, 90, 500]).repeat(60)
    boxes = recipe(crop=crop).boxes(draw(300), 0, heights, widths)
    assert boxes.dtype == torch.long
    expected = [
        box_by_loop(crop, tries, *shape)
        for tries, *shape in zip(numbers.tolist(), heights.tolist(), widths.tolist(), strict=True)
    ]
    assert boxes.tolist() == expected


def test_boxes_lie_inside_and_in_range() -> None:
    heights, widths = torch.full((2000,), 200), torch.full((2000,), 300)
    boxes = recipe(crop=Crop(scale=(0.2, 0.9))).boxes(draw(2000), 0, heights, widths)
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
    boxes = recipe(crop=Crop(scale=(1.0, 1.0))).boxes(draw(3), 0, heights, widths)
    assert boxes[0].tolist() == [0, 43, 10, 13]  # 10 * 4/3 = 13.3; (100 - 13) // 2
    assert boxes[1].tolist() == [43, 0, 13, 10]
    whole = Crop(scale=(1.0, 1.0), ratio=(0.9, 0.95))
    assert recipe(crop=whole).boxes(draw(1), 0, heights[2:], widths[2:]).tolist() == [[0, 1, 30, 28]]  # 30 * 0.95


# Draws


def test_rows_of_a_process() -> None:
    images, whole, part = pictures(200), draw(200), draw(64, start=64, size=200)
    made, rows = recipe(blur=0.5), slice(64, 128)
    heights = torch.full((200,), 32)
    assert torch.equal(made.boxes(part, 0, heights[rows], heights[rows]), made.boxes(whole, 0, heights, heights)[rows])
    mine, all_rows = part.uniform("color/0", 9), whole.uniform("color/0", 9)
    assert torch.equal(made.color.factors(mine[:, 1:5]), made.color.factors(all_rows[:, 1:5])[rows])
    mine_order = made.color.order(mine[:, 0], mine[:, 5:])
    assert torch.equal(mine_order, made.color.order(all_rows[:, 0], all_rows[:, 5:])[rows])
    everything = made(images, whole, 0, dtype=torch.float64)
    close(made(images[rows], part, 0, dtype=torch.float64), everything[rows], 1e-12)
    assert not torch.equal(everything[rows], made(images[rows], draw(64), 0, dtype=torch.float64))


@pytest.mark.parametrize(
    ("purpose", "off"), [("blur/0", {"blur": 0.0}), ("gray/0", {"gray": 0.0}), ("flip/0", {"flip": 0.0})]
)
def test_turning_one_off_leaves_the_others(purpose: str, off: dict[str, Any]) -> None:
    images, on = pictures(64), recipe(flip=0.5, gray=0.5, blur=0.5)
    numbers = draw().uniform(purpose, 2)[:, 0] if purpose == "blur/0" else draw().uniform(purpose)
    touched = numbers < 0.5
    with_it, without = on(images, draw(), 0, torch.float64), replace(on, **off)(images, draw(), 0, torch.float64)
    changed = (with_it - without).abs().amax((1, 2, 3)) > 1e-9
    assert 10 < touched.sum() < 54
    assert torch.equal(changed, touched)


def test_turning_color_off_leaves_the_others() -> None:
    images, on = pictures(64), recipe(color=Color(p=0.5))
    untouched = draw().uniform("color/0", 9)[:, 0] >= 0.5
    difference = on(images, draw(), 0) - replace(on, color=Color(p=0.0))(images, draw(), 0)
    assert torch.equal(difference.abs().amax((1, 2, 3)) < 1e-6, untouched)


def test_views_and_steps_differ() -> None:
    images, made = pictures(16), recipe()
    views = [made(images, draw(16), 0), made(images, draw(16), 1), made(images, draw(16, step=1), 0)]
    for other in views[1:]:
        assert ((views[0] - other).abs().amax((1, 2, 3)) > 0.05).all()
    assert torch.equal(views[0], made(images, draw(16), 0))


def test_strengths_and_probabilities_are_those_asked_for() -> None:
    color = Color(p=0.8, brightness=0.6, contrast=0.4, saturation=0.3, hue=0.1, strength=2.0)
    numbers = draw(4000).uniform("color/0", 9)
    factors = color.factors(numbers[:, 1:5])
    for column, (low, high) in zip(factors.T, [(0, 2.2), (0.2, 1.8), (0.4, 1.6), (-0.2, 0.2)], strict=True):
        assert low <= column.min() < low + 0.01 and high - 0.01 < column.max() <= high
    order = color.order(numbers[:, 0], numbers[:, 5:])
    jittered = order[order[:, 0] < len(OPS)]
    assert abs(len(jittered) / 4000 - 0.8) < 0.032  # five standard errors
    assert torch.equal(jittered.sort(dim=1).values, torch.arange(4).expand_as(jittered))
    assert len(jittered.unique(dim=0)) == 24  # every order occurs: it is drawn for each image


# Identities


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
    assert torch.equal(recipe(color=color)(images, draw(20), 0), without(images, draw(20), 0))


@pytest.mark.parametrize(("height", "width"), [(32, 32), (40, 60), (20, 15)])
def test_everything_off_is_resize_and_normalise(height: int, width: int) -> None:
    images = pictures(6, height, width)
    made = plain(crop=Crop(scale=(1.0, 1.0), ratio=(width / height, width / height), interpolation="bicubic"))
    resized = F.resize(images.double() / 255, [32, 32], interpolation=InterpolationMode.BICUBIC, antialias=True)
    close(made(images, draw(6), 0, torch.float64), F.normalize(resized.clamp(0, 1), MEAN, STD), 1e-11)


@pytest.mark.parametrize(("mean", "std"), [([0.3], [0.5]), (MEAN, STD)])
def test_one_channel_becomes_three(mean: list[float], std: list[float]) -> None:
    images = pictures(20, channels=1)
    view = recipe(mean=mean, std=std, gray=0.5)(images, draw(20), 0, torch.float64)
    raw = view * torch.tensor(std).view(-1, 1, 1).double() + torch.tensor(mean).view(-1, 1, 1).double()
    assert view.shape == (20, 3, 32, 32)
    close(raw[:, :1].expand(-1, 3, -1, -1), raw, 1e-6)  # the means above are float32


def test_gray_gives_equal_channels() -> None:
    images, one = pictures(10), {"mean": [0.5], "std": [0.2]}
    view = plain(gray=1.0, **one)(images, draw(10), 0)
    assert torch.equal(view[:, :1].expand_as(view), view)
    colored = plain(**one)(images, draw(10), 0)
    assert not torch.equal(colored[:, :1].expand_as(colored), colored)


def test_call_is_finish_of_crop_and_keeps_its_input() -> None:
    images, made = pictures(20, 40, 30), recipe()
    crops = made.crop_batch(images, draw(20), 1)
    kept = crops.clone(), images.clone()
    assert torch.equal(made.finish(crops, draw(20), 1), made(images, draw(20), 1))
    assert torch.equal(crops, kept[0]) and torch.equal(images, kept[1])
    assert crops.min() >= 0 and crops.max() <= 1


def test_finish_takes_uint8() -> None:
    crops, made = pictures(20), recipe()
    kept = crops.clone()
    close(made.finish(crops, draw(20), 0), made.finish(crops.float() / 255, draw(20), 0), 1e-5)
    assert torch.equal(crops, kept)


def test_autocast_leaves_pixels_exact() -> None:
    images, made = pictures(20), recipe()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        view = made(images, draw(20), 0)
    assert torch.equal(view, made(images, draw(20), 0))


def test_no_value_is_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the meta device, which holds no values: to need one there is to wait for the device on a GPU."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # meta has none
    view = recipe(crop=Crop(interpolation="bicubic"))(pictures(20, 40, 30).to("meta"), draw(20), 0)
    assert view.device.type == "meta" and view.shape == (20, 3, 32, 32)


@pytest.mark.gpu
def test_gpu_agrees_and_the_host_never_waits() -> None:
    images, made = pictures(64), recipe()
    there = images.cuda()
    made(there, draw(), 0)  # the first use of a kernel waits while it is loaded
    torch.cuda.set_sync_debug_mode("error")
    try:
        view = made(there, draw(), 0, torch.float64)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    close(view.cpu(), made(images, draw(), 0, torch.float64), 1e-11)


# Configuration


@pytest.mark.parametrize("path", sorted(set(CONF.glob("*.yaml")) - {CONF / "words.yaml"}), ids=lambda path: path.stem)
@pytest.mark.parametrize(("channels", "mean"), [(3, MEAN), (1, [0.3])])
def test_yaml_makes_a_recipe(path: Path, channels: int, mean: list[float]) -> None:
    dataset = {"size": 28, "mean": mean, "std": mean}
    scale = OmegaConf.load("conf/scale/laptop.yaml").scale
    config = OmegaConf.create({"dataset": dataset, "augment": OmegaConf.load(path), "scale": {**scale, "blur": 0.5}})
    view = instantiate(config.augment)(pictures(8, 28, 28, channels), draw(8), 0, dtype=torch.float64)
    assert view.shape == (8, 3, 28, 28) and view.dtype == torch.float64
    assert view.isfinite().all()


def test_wrong_values_raise() -> None:
    with pytest.raises(ValueError, match="solarise"):
        recipe(order=["color", "solarise"])
    with pytest.raises(ValueError, match="nearest"):
        Crop(interpolation="nearest")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="strength"):
        Color(hue=0.3, strength=2.0)
