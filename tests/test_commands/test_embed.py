"""The command `embed`; what it writes has its tests in test_run/test_embed.py."""

from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig

from contrastive_lab.commands import embed
from contrastive_lab.errors import ConfigError

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
