"""What a stored run may be told anew: where its data lie, and how they are read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from contrastive_lab.errors import ConfigError
from contrastive_lab.launch.moved import moved_config
from tests.conftest import ROOT, Line

Type = Callable[..., Line]


@pytest.fixture
def images(tmp_path: Path, compose: Callable[..., DictConfig]) -> Path:
    """The folder of a run on images in the folder `old`."""
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    config = compose("dataset=image_folder", f"dataset.root={tmp_path / 'old'}")
    (tmp_path / "run" / ".hydra").mkdir(parents=True)
    OmegaConf.save(config, tmp_path / "run" / ".hydra" / "config.yaml")
    return tmp_path / "run"


def test_images_that_were_moved_are_read_with_so_many_workers(images: Path) -> None:
    new = str(images.parent / "new")
    told = {"dataset.root": new, "dataset.workers": "3", "data_dir": new, "dataset.probe_root": new, "run": "x"}
    config = moved_config(images, told)
    found: dict[str, Any] = {key: OmegaConf.select(config, key) for key in told}
    assert found == {**told, "dataset.workers": 3, "run": None}


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("dataset.workers", "abc", "dataset.workers=abc: must be a whole number"),
        ("dataset.workers", "1.5", "dataset.workers=1.5: must be a whole number"),
        ("dataset.workers", "-1", "dataset.workers=-1: must be 0 or more"),
        ("dataset.root", "nowhere", "dataset.root=nowhere: no such folder"),
        ("dataset.probe_root", "nowhere", "dataset.probe_root=nowhere: no such folder"),
        ("data_dir", "nowhere", "data_dir=nowhere: no such folder"),
    ],
)
def test_a_wrong_value_is_one_line(key: str, value: str, problem: str, images: Path) -> None:
    with pytest.raises(ConfigError, match=rf"^{problem}$"):
        moved_config(images, {key: value})


@pytest.mark.parametrize("left", ["dataset:", "strategy:", "trainer:"])
def test_a_configuration_that_is_cut_short_is_told(left: str, images: Path) -> None:
    path = images / ".hydra" / "config.yaml"
    path.write_text(path.read_text().partition(f"\n{left}")[0] + "\n")
    with pytest.raises(ConfigError, match=rf"config\.yaml: is cut short, without .*{left.strip(':')}"):
        moved_config(images, {})


def test_every_problem_is_told(images: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        moved_config(images, {"dataset.workers": "x", "dataset.root": "nowhere"})
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize("key", ["dataset.root", "dataset.probe_root", "dataset.workers"])
@pytest.mark.parametrize("script", ["train", "evaluate", "replay"])
def test_a_key_that_the_data_set_lacks_is_refused(
    script: str,
    key: str,
    line: Type,
    type_script: Type,
) -> None:
    folder, told = ROOT / "tests" / "stored_runs" / "interrupted", f"{key}=0"
    done = line(f"resume={folder}", told) if script == "train" else type_script(script, f"run={folder}", told)
    assert (done.code, done.err) == (
        2,
        f"error: {told}: the run's dataset=fashion_mnist_mini has none; leave it out\n",
    )
