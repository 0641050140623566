from typing import Any, get_args

import pytest
import torchvision
from torchvision.models.resnet import ResNet

from contrastive_lab.config import data
from contrastive_lab.config.model import problems
from contrastive_lab.config.values import typed


@pytest.mark.parametrize(
    ("scale", "right"),
    [
        ([0.2, 1.0], True),
        ([1.0, 1.0], True),
        ([0.0, 1.0], False),
        ([0.5, 0.2], False),
        ([0.2, 1.1], False),
        ([1.0], False),
    ],
)
def test_areas_are_a_least_and_a_greatest_share(scale: list[float], right: bool) -> None:
    found = problems(data.Crop, {"scale": scale, "ratio": [0.75, 4 / 3], "interpolation": "bilinear"})
    assert [*found.values()] == ([] if right else [f"scale={typed(scale)}: must be [least,greatest], at most 1"])


DATASET: dict[str, Any] = {"name": "x", "size": 28, "images": None, "mean": [0.5], "std": [0.5], "splits": {}}
CHANNELS = "one number, or three for red, green and blue"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("mean", [0.5, 0.5], CHANNELS),
        ("mean", [], CHANNELS),
        ("std", [0.5, 0.5], CHANNELS),
        ("std", [0.5, 0.0, 0.5], "more than 0 each"),
        ("std", [-1.0], "more than 0 each"),
        ("size", 1, "2 or more"),
    ],
)
def test_channels_are_one_or_three(key: str, value: Any, message: str) -> None:
    assert [*problems(data.Dataset, DATASET | {key: value}).values()] == [f"{key}={typed(value)}: must be {message}"]


def test_three_channels_and_a_mean_of_zero_are_right() -> None:
    assert problems(data.Dataset, DATASET | {"mean": [0.0, -0.1, 0.2], "std": [1.0, 2.0, 3.0]}) == {}


def test_the_resnets_are_those_of_torchvision() -> None:
    found = {name for name in torchvision.models.list_models(torchvision.models) if "resne" in name}
    assert {*get_args(data.Resnets)} == found
    assert all(isinstance(getattr(torchvision.models, name)(), ResNet) for name in ("resnet18", "resnext50_32x4d"))
    values = {"name": "x", "width": 1, "zero_init_residual": False, "pretrained": False}
    (line,) = problems(data.ImagenetResnet, values | {"arch": "vgg16"}).values()
    assert line.startswith("arch=vgg16: choose one of resnet18, ")


@pytest.mark.parametrize(("pack", "right"), [(None, True), (28, True), (256, True), (27, False), (1, False)])
def test_a_pack_has_the_pixels_of_a_view(pack: int | None, right: bool) -> None:
    own = {"root": "photos", "probe_root": None, "workers": 0, "range": [0, 65535], "background": [0, 0, 0]}
    own |= {"val_fraction": None, "val_seed": 0, "on_error": "stop", "pack": pack}
    assert (problems(data.ImageFolder, DATASET | own) == {}) == right
    if pack == 27:
        told = "dataset.pack=27: must be at least the 28 of dataset.size, or null"
        assert [*problems(data.ImageFolder, DATASET | own, "dataset").values()] == [told]
