"""Recipes: what must hold of any augmentation of a whole batch, and the recipes of the yamls."""

from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
import torchvision.transforms.v2.functional as F
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torchvision.transforms import InterpolationMode

from contrastive_lab.augment import Color, Crop
from contrastive_lab.augment.color import jitter_
from tests.pictures import MEAN, STD, close, pictures, pixels, plain, recipe, step_random

CONF = Path(__file__).parent.parent / "conf" / "augment"


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
    assert torch.equal(recipe(color=color)(images, step_random(20), 0), without(images, step_random(20), 0))


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


# Configuration


@pytest.mark.parametrize("path", sorted(set(CONF.glob("*.yaml")) - {CONF / "words.yaml"}), ids=lambda path: path.stem)
@pytest.mark.parametrize(("channels", "mean"), [(3, MEAN), (1, [0.3])])
def test_yaml_makes_a_recipe(path: Path, channels: int, mean: list[float]) -> None:
    dataset = {"size": 28, "mean": mean, "std": mean}
    scale = OmegaConf.load("conf/scale/laptop.yaml").scale
    config = OmegaConf.create({"dataset": dataset, "augment": OmegaConf.load(path), "scale": {**scale, "blur": 0.5}})
    view = instantiate(config.augment)(pictures(8, 28, 28, channels), step_random(8), 0, dtype=torch.float64)
    assert view.shape == (8, 3, 28, 28) and view.dtype == torch.float64
    assert view.isfinite().all()


def test_wrong_values_raise() -> None:
    with pytest.raises(ValueError, match="solarise"):
        recipe(order=["color", "solarise"])
    with pytest.raises(ValueError, match="nearest"):
        Crop(interpolation="nearest")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="strength"):
        Color(hue=0.3, strength=2.0)
