"""Make the scenes of a run of `detect` from its configuration; a ConfigError names what is wrong with them."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from contrastive_lab.dataset import Arrays, data_hash
from contrastive_lab.detect.canvases import Canvases, Layout
from contrastive_lab.detect.coco import Coco
from contrastive_lab.detect.data import SceneDataModule
from contrastive_lab.errors import ConfigError
from contrastive_lab.run.build import build_splits

LAYOUT = tuple(Layout.__dataclass_fields__)


def build_scenes(config: DictConfig) -> SceneDataModule:
    """Scenes to train and to test on.

    Training canvases are a function of the run's seed, test canvases the same for all runs.
    """
    coco = config.data.name == "coco"
    train, test, notices = _coco(config) if coco else _canvases(config)
    if len(train) < config.batch_size:
        raise ConfigError(f"batch_size={config.batch_size}: more than the {len(train)} training images")
    own = {name: config.data[name] for name in ("sizes", "test_size", "longest") if name in config.data}
    shared = {"flip": config.data.flip, "workers": config.data.workers}
    return SceneDataModule(train, test, config.batch_size, config.seed, **own, **shared, notices=notices)


def _canvases(config: DictConfig) -> tuple[Canvases, Canvases, list[str]]:
    splits, dataset = build_splits(config), config.dataset.name
    parts = splits.train, splits.test
    if not all(isinstance(part, Arrays) and part.labels is not None for part in parts):
        raise ConfigError(f"dataset={dataset}: data=canvases needs labelled arrays to train and to test on")
    names = splits.names or tuple(f"class {label}" for label in range(splits.classes))
    values: Any = OmegaConf.to_container(config.data)
    layout, found = Layout(**{name: values[name] for name in LAYOUT}), data_hash(splits)
    own, keys = (config.data.images, config.data.tests), ((config.seed, "train"), ("test",))
    train, test = (
        Canvases(part, count, layout, key, names, found)  # type: ignore[arg-type]
        for part, count, key in zip(parts, own, keys, strict=True)
    )
    return train, test, [*splits.notices]


def _coco(config: DictConfig) -> tuple[Coco, Coco, list[str]]:
    data, skip, problems = config.data, config.data.on_error == "skip", dict[str, None]()
    found = []
    for part, count in (("train", data.images), ("test", None)):
        try:
            found.append(Coco(Path(data[f"{part}_json"]), Path(data[f"{part}_images"]), skip, count))
        except ConfigError as error:
            problems |= dict.fromkeys(error.problems)  # of one file for both once
    if problems:
        raise ConfigError(*problems)
    train, test = found
    if train.names != test.names:
        raise ConfigError(f"data.test_json={data.test_json}: has other classes than {data.train_json}")
    return train, test, [*train.notices, *test.notices]
