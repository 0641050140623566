"""What a run reads before it starts."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig

from contrastive_lab.config.detect_check import composed_detect
from contrastive_lab.errors import ConfigError
from contrastive_lab.launch.inputs import image_problems, of_user, other_images, read_images
from contrastive_lab.run.scenes import build_scenes
from tests.sweep_folder import write_run
from tests.test_detect.test_coco import box, written
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


def test_a_json_that_is_another_now_or_gone_is_told(tmp_path: Path) -> None:
    file, hashes = written(tmp_path, []), list[str]()
    where = [f"data.{part}_{key}={path}" for part in ("train", "test") for key, path in
             (("json", file), ("images", tmp_path))]  # fmt: skip
    config = composed_detect(["start=random", "data=coco", "batch_size=2", *where])
    for _ in range(2):
        hashes.append(build_scenes(config).hash)
        (tmp_path / "result.json").write_text(json.dumps({"status": "interrupted", "data_hash": hashes[-1]}))
        assert other_images(tmp_path, config) == ""
        written(tmp_path, [box(1, 1, 1, 5, 5)])
    (tmp_path / "result.json").write_text(json.dumps({"status": "interrupted", "data_hash": hashes[0]}))
    assert other_images(tmp_path, config) == f"data_hash: {hashes[0]}, not {hashes[1]}"
    file.unlink()
    with pytest.raises(ConfigError, match=rf"data\.train_json={file}: no such file"):
        other_images(tmp_path, config)


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
