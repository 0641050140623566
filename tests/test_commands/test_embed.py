"""The command `embed`; what it writes has its tests in test_run/test_embed.py."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from omegaconf import DictConfig
from PIL import Image

from contrastive_lab.commands import embed
from contrastive_lab.errors import ConfigError
from contrastive_lab.run.export import export_run
from tests.conftest import Line
from tests.test_run import test_export as run_export

Compose = Callable[..., DictConfig]


@pytest.fixture
def stored(compose: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is there."""
    monkeypatch.setattr(embed, "stored_folder", Path)
    monkeypatch.setattr("contrastive_lab.launch.other_data.stored_config", lambda folder: compose("K=5"))
    monkeypatch.setattr("contrastive_lab.launch.moved.stored_config", lambda folder: compose("K=5"))


def test_images_are_those_of_a_folder_under_its_name(
    stored: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr("contrastive_lab.run.embed.embed_run", lambda *told: asked.append(told))
    photos = tmp_path / "my, photos"
    photos.mkdir()
    embed.task({"run": "x", "images": str(photos)})
    embed.task({"run": "x", "out": "elsewhere", "format": "csv"})
    (folder, config, out, kind, name), (_, own, other, csv, _) = asked
    assert (folder, out, kind, name) == (Path("x"), Path("x/embed/my_photos"), "npy", "my_photos")
    assert (config.dataset.name, config.dataset.root, config.augment.size) == ("image_folder", str(photos), 28)
    assert (own.dataset.name, other, csv) == ("fashion_mnist_mini", Path("elsewhere"), "csv")


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ({"images": "nowhere"}, "images=nowhere: no such folder"),
        ({"images": ".", "dataset": "cifar10"}, "images=.: names the data, as dataset does; leave one out"),
        ({"format": "xls"}, "format=xls: choose one of npy, parquet, csv"),
    ],
)
def test_a_wrong_value_is_one_line(stored: None, told: dict[str, str], problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        embed.task({"run": "x", **told})
    assert str(error.value) == problem


@pytest.mark.long
def test_an_export_gives_the_features_of_its_run(
    tmp_path: Path, compose: Compose, type_script: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of files of another size, by an encoder that has its own size, mean and deviation."""
    monkeypatch.chdir(tmp_path)
    source = np.random.default_rng(0)
    for number in range(12):
        folder = tmp_path / "photos" / ("cat", "dog")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(source.integers(0, 256, (40, 36, 3), np.uint8)).save(folder / f"{number}.png")
    config = compose("K=5", "backbone.widths=[8,16]", "augment.size=24", "augment.mean=[0.3]", "probes.knn.k=3")
    run_export.stored(tmp_path / "run", config)
    export_run(tmp_path / "run", config, tmp_path / "moved")
    told = ("dataset.workers=0", "dataset.val_fraction=0.25")
    for name in ("run", "moved"):
        done = type_script("embed", f"run={name}", "images=photos", *told, f"out=of_{name}")
        assert done.code == 0 and done.out.endswith(f"of_{name}/embedding.html\n"), done.err
    first, second = (np.load(tmp_path / f"of_{name}" / "features.npy") for name in ("run", "moved"))
    np.testing.assert_array_equal(first, second)
    cards = [json.loads((tmp_path / f"of_{name}" / "embedding.json").read_text()) for name in ("run", "moved")]
    assert {**cards[0], "run": ""} == {**cards[1], "run": ""} and cards[1]["k"] == 3
    done = type_script("embed", "run=moved")
    problem = "run=moved: an export holds no images; add images=<folder> or dataset=<name>"
    assert (done.code, done.err) == (2, f"error: {problem}\n")
