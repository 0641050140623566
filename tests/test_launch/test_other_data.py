"""A stored run with the data of a line."""

from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig

from contrastive_lab.config.detect_check import composed_detect
from contrastive_lab.errors import ConfigError
from contrastive_lab.launch.other_data import asked_config, data_name, with_dataset

Compose = Callable[..., DictConfig]


def test_another_data_set_has_the_size_and_normalisation_of_the_run(compose: Compose, tmp_path: Path) -> None:
    stored = compose("K=5", "seed=3", f"data_dir={tmp_path}")
    found = with_dataset(stored, {"dataset": "cifar10", "dataset.images": "400", "run": "x"})
    assert (found.dataset.name, found.dataset.images, found.dataset.splits.data_dir) == ("cifar10", 400, str(tmp_path))
    assert (found.augment.size, found.augment.mean, found.seed) == (28, stored.augment.mean, 3)
    assert found.batch_size == 1 and data_name(found) == "cifar10"
    assert stored.dataset.name == "fashion_mnist_mini" and data_name(stored) == "fashion_mnist_mini"


def test_a_folder_of_any_name_is_taken_as_it_is(compose: Compose, tmp_path: Path) -> None:
    root = tmp_path / "it's {a}, b=c"
    root.mkdir()
    found = with_dataset(compose("K=5"), {"dataset": "image_folder", "dataset.root": str(root)})
    assert found.dataset.splits.root == str(root) and data_name(found) == "it_s_a_b_c"


def test_a_detector_is_none_whose_encoder_is_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = composed_detect(["start=random"])
    for name in ("other_data", "moved"):
        monkeypatch.setattr(f"contrastive_lab.launch.{name}.stored_config", lambda folder: detector)
    for told in ({}, {"dataset": "cifar10"}):
        with pytest.raises(ConfigError, match=r"^x: is a run of detect; give the one that its detector started from$"):
            asked_config(Path("x"), told)


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ({"dataset.images": "3"}, "dataset.images=3: a setting of another data set, which dataset=<name> names"),
        ({"dataset": "cifar10", "dataset.size": "64"}, "dataset.size=64: is that of the run, whose encoder"),
        ({"dataset": "cifra10"}, "dataset=cifra10: no such option; did you mean cifar10?"),
        ({"dataset": "image_folder", "dataset.root": "/nowhere"}, "dataset.root=/nowhere: no such folder"),
        ({"dataset": "ag_news"}, "dataset=ag_news: has texts, and the encoder takes those of its run"),
    ],
)
def test_what_does_not_fit_is_one_line(
    told: dict[str, str], problem: str, compose: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contrastive_lab.launch.other_data.stored_config", lambda folder: compose("K=5"))
    with pytest.raises(ConfigError) as error:
        asked_config(Path("x"), told)
    assert str(error.value).startswith(problem)
