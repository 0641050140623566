"""A stored run's configuration with the data that a line names: its own, where they are now, or another data set."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from contrastive_lab.config.identity import MOVED
from contrastive_lab.config.overrides import composed
from contrastive_lab.config.resolve import resolve
from contrastive_lab.errors import ConfigError
from contrastive_lab.launch.moved import FOLDERS, moved_config
from contrastive_lab.record.run import of_encoder, stored_config

DATASET = {
    "dataset=<name>": "another data set, at the size and with the normalisation that the encoder was trained on",
    "dataset.*=<value>": "a setting of it, as dataset.root=<folder> for dataset=image_folder",
}
THE_RUNS = ("dataset.size", "dataset.mean", "dataset.std")


def asked_config(folder: Path, values: Mapping[str, str]) -> DictConfig:
    """The configuration of the run in `folder` with the data of a line; keys of other kinds are passed over.

    ConfigError with every problem of them, or if the configuration cannot be read.
    """
    if "dataset" in values:
        return with_dataset(of_encoder(folder, stored_config(folder)), values)
    if stray := [f"{key}={text}" for key, text in values.items() if key.startswith("dataset.") and key not in MOVED]:
        raise ConfigError(*(f"{text}: a setting of another data set, which dataset=<name> names" for text in stray))
    return of_encoder(folder, moved_config(folder, values))


def exported_config(folder: Path, card: Mapping[str, Any], values: Mapping[str, str]) -> DictConfig:
    """A configuration with the data of a line for the export in a folder, images prepared as its card says.

    ConfigError with every problem, or if the line names no data, which an export does not hold.
    """
    if "dataset" not in values:
        raise ConfigError(f"run={folder}: an export holds no images; add images=<folder> or dataset=<name>")
    config, images, told = composed([]), card["images"], card.get("config", {})
    config.method_info.name = f"Export of {card.get('result', {}).get('method')}"
    for key in ("size", "mean", "std"):
        config.augment[key] = images[key]
    for key, kind in (("k", int), ("temperature", float)):
        if isinstance(value := told.get(f"probes.knn.{key}"), kind) and value > 0:
            config.probes.knn[key] = value
    return with_dataset(config, values)


def with_dataset(stored: DictConfig, values: Mapping[str, str]) -> DictConfig:
    """A stored configuration with another data set of images; views, and with them size and normalisation, stay.

    The batch is one image, so that the set may be small: no evaluation goes by it.
    """
    if wrong := [f"{key}={values[key]}" for key in THE_RUNS if key in values]:
        raise ConfigError(
            *(f"{text}: is that of the run, whose encoder takes no other; leave it out" for text in wrong)
        )
    other = composed([*_overrides(values)])
    if "texts" in (resolve(stored).kind, resolve(other).kind):
        told = f"dataset={values['dataset']}: has {resolve(other).kind}, and the encoder takes those of its run"
        raise ConfigError(f"{told}, {stored.dataset.name}")
    if "data_dir" not in values:
        other.data_dir = stored.data_dir
    new = DictConfig(OmegaConf.create(OmegaConf.to_container(stored, resolve=True)))
    new.dataset = OmegaConf.create(OmegaConf.to_container(other.dataset, resolve=True))
    new.batch_size, new.labels = 1, None  # a share of the labels is one of the run's own images
    return new


def data_name(config: DictConfig) -> str:
    """What the data set is called in names of files and scores: its own name, that of a folder of images."""
    root = config.dataset.get("root")
    return re.sub(r"[^\w.-]+", "_", Path(root).resolve().name if root else str(config.dataset.name))


def _overrides(values: Mapping[str, str]) -> Iterator[str]:
    """What a line tells of a data set, folders in quotes: their names may hold what Hydra reads otherwise."""
    for key, text in values.items():
        if key in FOLDERS:
            quoted = text.replace("\\", "\\\\").replace("'", "\\'")
            yield f"{key}='{quoted}'"
        elif key == "dataset" or key.startswith("dataset."):
            yield f"{key}={text}"
