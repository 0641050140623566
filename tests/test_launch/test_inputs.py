"""What a run reads before it starts."""

from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig

from contrastive_lab.launch.inputs import image_problems, of_user, other_images, read_images
from tests.sweep_folder import write_run
from tests.test_run.test_own_images import folder as own_images

Compose = Callable[..., DictConfig]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    read_images.cache_clear()
    return own_images(tmp_path / "D")


def told(folder: Path) -> tuple[str, ...]:
    return "dataset=image_folder", f"dataset.root={folder}", "dataset.size=8", "dataset.workers=0"


def test_a_batch_that_fits_is_named(folder: Path, compose: Compose) -> None:
    config = compose(*told(folder), "batch_size=8", "K=3")
    assert of_user(config) and [*image_problems(config)] == []
    (line,) = image_problems(compose(*told(folder), "batch_size=256", "K=3"))
    count = len([*(folder / "train").rglob("*.png")])
    assert (
        line
        == f"batch_size=256: more than the {count} images of {folder}; batch_size={2 ** (count.bit_length() - 1)} fits"
    )
    assert not of_user(compose())


def test_images_of_a_run_that_are_others_now_are_told_by_both_hashes(
    folder: Path, tmp_path: Path, compose: Compose
) -> None:
    config = compose(*told(folder), "batch_size=8", "K=3")
    write_run(tmp_path / "none", {})
    write_run(tmp_path / "other", {"data_hash": "5-0123456789ab"})
    assert other_images(tmp_path / "none", config) == ""
    told_now = other_images(tmp_path / "other", config)
    assert told_now.startswith("data_hash: 5-0123456789ab, not ")
    write_run(tmp_path / "same", {"data_hash": told_now.rpartition(" ")[2]})
    assert other_images(tmp_path / "same", config) == ""
