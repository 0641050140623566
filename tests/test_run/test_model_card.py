"""The page beside exported weights: its code runs, and gives the features that this project gives."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from omegaconf import DictConfig
from PIL import Image

from contrastive_lab.dataset import Arrays, Files
from contrastive_lab.evaluation.features import labelled_features
from contrastive_lab.run.build import build_data
from contrastive_lab.run.export import export_run
from contrastive_lab.run.model_card import preprocessing
from tests.conftest import ROOT
from tests.test_run.test_export import stored

Compose = Callable[..., DictConfig]
NOISE = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), np.uint8)


@pytest.fixture
def exported(tmp_path: Path, compose: Compose, monkeypatch: pytest.MonkeyPatch) -> tuple[DictConfig, Any]:
    """A configuration and the encoder of its run, whose export is the working directory."""
    config = compose("backbone.widths=[8,16]", "K=16", "alpha=65536")
    encoder = stored(tmp_path, config)
    export_run(tmp_path, config, tmp_path / "export")
    monkeypatch.chdir(tmp_path / "export")
    return config, encoder


def blocks(text: str) -> list[str]:
    """The lines of Python in a page."""
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def test_its_front_matter_is_yaml(exported: Any) -> None:
    _, head, body = Path("README.md").read_text().split("---\n", 2)
    assert yaml.safe_load(head) == {
        "library_name": "contrastive_lab",
        "pipeline_tag": "image-feature-extraction",
        "tags": ["contrastive-learning", "simo", "fashion_mnist_mini"],
    }
    assert body.startswith("\n# small_resnet, simo on ") and "| linear_top1, % | 50.00 |" in body
    assert "{" not in re.sub(r"```python.*?```", "", body, flags=re.DOTALL)


@pytest.mark.parametrize("way", [0, 1])
def test_its_lines_load_the_net_and_prepare_images(way: int, exported: Any) -> None:
    config, encoder = exported
    names: dict[str, Any] = {"torch": torch}
    code = blocks(Path("README.md").read_text())
    exec(code[way] + code[2], names)
    with torch.no_grad():
        rows = [names["net"](names["prepare"](Image.fromarray(image[..., 0]))[None]) for image in NOISE]
    images = Arrays(NOISE, np.zeros(3, np.int64))
    ours = labelled_features(encoder, images, build_data(config).recipe).features
    torch.testing.assert_close(torch.cat(rows), ours, rtol=1e-4, atol=1e-5)


def test_the_lines_of_this_projects_readme_run(exported: Any) -> None:
    (code,) = (text for text in blocks((ROOT / "README.md").read_text()) if "load_backbone" in text)
    names: dict[str, Any] = {}
    exec(code.replace("outputs/simo/<date>/export", "."), names)
    assert names["features"].shape == (1, 16)


def test_a_photo_is_cropped_as_for_the_probes(tmp_path: Path, compose: Compose) -> None:
    """Resizing then cropping, as a card tells it, and cropping then resizing, as is done, differ in rounding alone."""
    config = compose("dataset=image_folder", f"dataset.root={tmp_path}", "dataset.size=224")
    told = preprocessing(config)
    assert (told["resize"], told["size"]) == (256, 224)
    assert (told["mean"], told["std"]) == ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    smooth = np.add.outer(np.arange(300), np.arange(400)) / 700 * 255
    Image.fromarray(smooth.astype(np.uint8)).convert("RGB").save(tmp_path / "a.png")
    from torchvision.transforms.v2.functional import center_crop, pil_to_tensor, resize

    from contrastive_lab.dataset.decode import centre

    ours = centre(Files([tmp_path / "a.png"]).reader, [tmp_path / "a.png"], 224).float()
    image = pil_to_tensor(Image.open(tmp_path / "a.png"))
    torch.testing.assert_close(center_crop(resize(image, [256]), [224])[None].float(), ours, rtol=0, atol=2)


def test_one_number_of_grey_images_stands_for_three_channels(compose: Compose) -> None:
    told = preprocessing(compose())
    assert (told["mean"], told["std"], told["resize"]) == ([0.2873] * 3, [0.3544] * 3, 28)
