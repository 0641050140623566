"""Recipes: what must hold of any augmentation of a whole batch, what random numbers depend on, and the yamls."""

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
from torchvision.transforms import InterpolationMode

from contrastive_lab.augment import Color, Crop, Recipe
from tests.conftest import ROOT
from tests.random_images import (
    MEAN,
    STD,
    TORCHVISION,
    close,
    pictures,
    plain,
    recipe,
    step_random,
)

CONF = ROOT / "conf" / "augment"


@pytest.mark.parametrize(("height", "width"), [(32, 32), (40, 60), (20, 15)])
def test_everything_off_is_resize_and_normalise(height: int, width: int) -> None:
    images = pictures(6, height, width)
    made = plain(crop=Crop(scale=(1.0, 1.0), ratio=(width / height, width / height), interpolation="bicubic"))
    resized = F.resize(images.double() / 255, [32, 32], interpolation=InterpolationMode.BICUBIC, antialias=True)
    close(made(images, step_random(6), 0, torch.float64), F.normalize(resized.clamp(0, 1), MEAN, STD), 1e-11)


@pytest.mark.parametrize(("mean", "std"), [([0.3], [0.5]), (MEAN, STD)])
def test_one_channel_becomes_three(mean: list[float], std: list[float]) -> None:
    images = pictures(20, channels=1)
    view = recipe(mean=mean, std=std, gray=0.5)(images, step_random(20), 0, torch.float64)
    raw = view * torch.tensor(std).view(-1, 1, 1).double() + torch.tensor(mean).view(-1, 1, 1).double()
    assert view.shape == (20, 3, 32, 32)
    close(raw[:, :1].expand(-1, 3, -1, -1), raw, 1e-6)  # the means above are float32


def test_gray_gives_equal_channels() -> None:
    images, one = pictures(10), {"mean": [0.5], "std": [0.2]}
    view = plain(gray=1.0, **one)(images, step_random(10), 0)
    assert torch.equal(view[:, :1].expand_as(view), view)
    colored = plain(**one)(images, step_random(10), 0)
    assert not torch.equal(colored[:, :1].expand_as(colored), colored)


def test_call_is_finish_of_crop_and_keeps_its_input() -> None:
    images, made = pictures(20, 40, 30), recipe()
    crops = made.crop_batch(images, step_random(20), 1)
    kept = crops.clone(), images.clone()
    assert torch.equal(made.finish(crops, step_random(20), 1), made(images, step_random(20), 1))
    assert torch.equal(crops, kept[0]) and torch.equal(images, kept[1])
    assert crops.min() >= 0 and crops.max() <= 1


def test_finish_takes_uint8() -> None:
    crops, made = pictures(20), recipe()
    kept = crops.clone()
    close(made.finish(crops, step_random(20), 0), made.finish(crops.float() / 255, step_random(20), 0), 1e-5)
    assert torch.equal(crops, kept)


def test_autocast_leaves_pixels_exact() -> None:
    images, made = pictures(20), recipe()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        view = made(images, step_random(20), 0)
    assert torch.equal(view, made(images, step_random(20), 0))


def test_no_value_is_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the meta device, which holds no values: to need one there is to wait for the device on a GPU."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # meta has none
    view = recipe(crop=Crop(interpolation="bicubic"))(pictures(20, 40, 30).to("meta"), step_random(20), 0)
    assert view.device.type == "meta" and view.shape == (20, 3, 32, 32)


@pytest.mark.gpu
def test_gpu_agrees_and_the_host_never_waits() -> None:
    images, made = pictures(64), recipe()
    there = images.cuda()
    made(there, step_random(), 0)  # the first use of a kernel waits while it is loaded
    torch.cuda.set_sync_debug_mode("error")
    try:
        view = made(there, step_random(), 0, torch.float64)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    close(view.cpu(), made(images, step_random(), 0, torch.float64), 1e-11)


@pytest.mark.parametrize("path", sorted(set(CONF.glob("*.yaml")) - {CONF / "words.yaml"}), ids=lambda path: path.stem)
@pytest.mark.parametrize(("channels", "mean"), [(3, MEAN), (1, [0.3])])
def test_yaml_makes_a_recipe(path: Path, channels: int, mean: list[float]) -> None:
    dataset = {"size": 28, "mean": mean, "std": mean}
    scale = OmegaConf.load(ROOT / "conf" / "scale" / "laptop.yaml").scale
    config = OmegaConf.create({"dataset": dataset, "augment": OmegaConf.load(path), "scale": {**scale, "blur": 0.5}})
    view = instantiate(config.augment)(pictures(8, 28, 28, channels), step_random(8), 0, dtype=torch.float64)
    assert view.shape == (8, 3, 28, 28) and view.dtype == torch.float64
    assert view.isfinite().all()


def test_a_hue_beyond_half_the_circle_raises() -> None:
    with pytest.raises(ValueError, match="strength"):
        Color(hue=0.3, strength=2.0)


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
                image = TORCHVISION[index](image, factors[index])
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
