"""Where the data of a stored run lie now, and how they are read: `data_dir=... dataset.root=...`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from contrastive_lab.config.identity import MOVED, moved
from contrastive_lab.config.model import problems
from contrastive_lab.config.schema import model_of
from contrastive_lab.errors import ConfigError
from contrastive_lab.record.files import CONFIG
from contrastive_lab.record.run import stored_config

NEEDED = ("augment", "backbone", "batchnorm", "dataset", "evaluation", "head", "method", "optim", "strategy", "trainer")
FOLDERS = ("data_dir", "dataset.root", "dataset.probe_root")


def moved_config(folder: Path, texts: Mapping[str, str]) -> DictConfig:
    """The configuration of the run in `folder` with those of `MOVED` that are typed; other keys are passed over.

    ConfigError with every problem of them, or if the configuration cannot be read or is not whole.
    """
    stored, values = stored_config(folder), typed_values(texts)
    if lacks := [name for name in NEEDED if name not in stored]:
        raise ConfigError(f"{folder / CONFIG}: is cut short, without {', '.join(lacks)}")
    if found := [*moved_problems(stored, values)]:
        raise ConfigError(*found)
    return moved(stored, values)


def typed_values(texts: Mapping[str, str]) -> dict[str, Any]:
    """The values of what was typed for `MOVED`: texts, but for whole numbers of workers."""
    found: dict[str, Any] = {key: text for key, text in texts.items() if key in MOVED}
    if found.get("dataset.workers", "").removeprefix("-").isdecimal():
        found["dataset.workers"] = int(found["dataset.workers"])
    return found


def moved_problems(stored: DictConfig, values: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with values of `MOVED` for a stored run, a line each."""
    node = cast(dict[str, Any], OmegaConf.to_container(stored.dataset, resolve=True))
    model = model_of("dataset", node)
    own = {name: values[key] for key in values if (name := key.removeprefix("dataset.")) != key}
    wrong = problems(model, node | own, "dataset")
    for key, value in values.items():
        if key != "data_dir" and key.removeprefix("dataset.") not in model.model_fields:
            yield f"{key}={value}: the run's dataset={node['name']} has none; leave it out"
        elif key in FOLDERS and not Path(value).is_dir():
            yield f"{key}={value}: no such folder"
        elif key in wrong:
            yield wrong[key]
