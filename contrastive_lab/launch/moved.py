"""Where the data of a stored run lie now, and how they are read: `data_dir=... dataset.root=...`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from contrastive_lab.config.detect import NODES as DETECT_NODES
from contrastive_lab.config.detect import is_detect
from contrastive_lab.config.identity import MOVED, moved
from contrastive_lab.config.model import problems
from contrastive_lab.config.schema import model_of
from contrastive_lab.errors import ConfigError
from contrastive_lab.record.files import CONFIG
from contrastive_lab.record.run import stored_config

NEEDED = ("augment", "backbone", "batchnorm", "dataset", "evaluation", "head", "method", "optim", "strategy", "trainer")
FOLDERS = ("data_dir", "dataset.root", "dataset.probe_root", "data.root")


def moved_config(folder: Path, texts: Mapping[str, str]) -> DictConfig:
    """The configuration of the run in `folder` with those of `MOVED` that are typed; other keys are passed over.

    ConfigError with every problem of them, or if the configuration cannot be read or is not whole.
    """
    stored, values = stored_config(folder), typed_values(texts)
    if lacks := [name for name in (DETECT_NODES if is_detect(stored) else NEEDED) if name not in stored]:
        raise ConfigError(f"{folder / CONFIG}: is cut short, without {', '.join(lacks)}")
    if found := [*moved_problems(stored, values)]:
        raise ConfigError(*found)
    return moved(stored, values)


def typed_values(texts: Mapping[str, str]) -> dict[str, Any]:
    """The values of what was typed for `MOVED`: texts, but for whole numbers of workers."""
    found: dict[str, Any] = {key: text for key, text in texts.items() if key in MOVED}
    for key in ("dataset.workers", "data.workers"):
        if found.get(key, "").removeprefix("-").isdecimal():
            found[key] = int(found[key])
    return found


def moved_problems(stored: DictConfig, values: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with values of `MOVED` for a stored run, a line each."""
    for key, value in values.items():
        group, _, name = key.partition(".")
        if not name or group not in stored:
            yield from _folder_problems(key, value)
            continue
        node = cast(dict[str, Any], OmegaConf.to_container(stored[group], resolve=True))
        model = model_of(group, node)
        wrong = problems(model, node | {name: value}, group)
        if name not in model.model_fields:
            yield f"{key}={value}: the run's {group}={node['name']} has none; leave it out"
        elif key in FOLDERS:
            yield from _folder_problems(key, value)
        elif key in wrong:
            yield wrong[key]


def _folder_problems(key: str, value: Any) -> Iterator[str]:
    if key not in FOLDERS:
        yield f"{key}={value}: the run has none; leave it out"
    elif not Path(value).is_dir():
        yield f"{key}={value}: no such folder"
