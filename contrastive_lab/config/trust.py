"""What a configuration from elsewhere may do: it must run no code of others and touch nothing but its run's folder."""

import re
from collections.abc import Iterator
from functools import cache
from inspect import isclass
from typing import Any, cast

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from contrastive_lab.config import CONF, options
from contrastive_lab.config.schema import model_of
from contrastive_lab.errors import first_line

LIGHTNING = ("pytorch_lightning.plugins.", "pytorch_lightning.strategies.")
KEY = re.compile(r"\$\{[\w.\[\]]+\}")
# A key too, and those of W&B's variables that are no secret.
HARMLESS = re.compile(r"\$\{(oc\.select:[\w.]+|oc\.env:WANDB_(PROJECT|ENTITY))(,[\w.+-]*)?\}")
NAMED = ("dataset", "backbone", "evaluation", "logger", "loss", "scale", "strategy")
NAMES = {group: f"{group}.name" for group in NAMED} | {"method": "method_info.id"}


def untrusted_code(config: DictConfig) -> Iterator[str]:
    """What a configuration would call that neither conf/ calls nor is a class of Lightning's plugins or strategies."""
    for key, value in _leaves(OmegaConf.to_container(config)):
        if key.rpartition(".")[2] == "_target_" and not (value in _ours() or _of_lightning(str(value))):
            yield f"{key}={value}: only what conf/ names is called, and classes of {' and '.join(LIGHTNING)}"


def untrusted_resolvers(config: DictConfig) -> Iterator[str]:
    """Values that would be worked out by anything but another key or two variables of W&B."""
    for key, value in _leaves(OmegaConf.to_container(config)):
        if "${" in HARMLESS.sub("x", KEY.sub("x", str(value))):
            yield f"{key}={value}: only other keys, WANDB_PROJECT and WANDB_ENTITY are put in"


def untrusted_names(config: DictConfig) -> Iterator[str]:
    """Names of options that conf/ does not have: files are named after some. Keys that are missing are passed over."""
    for group, key in NAMES.items():
        try:
            name = OmegaConf.select(config, key)
        except OmegaConfBaseException as error:
            yield f"{key}: cannot be read ({first_line(error)})"
            continue
        if name is not None and name not in options(group):
            yield f"{key}={name}: no option of {group}, which has {', '.join(options(group))}"


def untrusted_logger(config: DictConfig) -> Iterator[str]:
    """Settings of a logger beside those of its model and what its yaml says: they may name a folder, or a server."""
    if (name := OmegaConf.select(config, "logger.name")) not in options("logger"):
        return  # see `untrusted_names`
    taken = [*model_of("logger", {"name": name}).model_fields]
    told = cast(dict[str, Any], OmegaConf.to_container(OmegaConf.load(CONF / "logger" / f"{name}.yaml")))
    for key, value in cast(dict[str, Any], OmegaConf.to_container(config.logger)).items():
        if key not in taken and (key, value) not in told.items():
            yield f"logger.{key}={value}: not taken from a run's folder; logger={name} takes {', '.join(taken)}"


@cache
def _ours() -> set[str]:
    """What the files in conf/ call."""
    return {found for path in CONF.rglob("*.yaml") for found in re.findall(r"_target_: *([\w.]+)", path.read_text())}


def _of_lightning(name: str) -> bool:
    """Whether a name is of a class that is defined in one of `LIGHTNING`, not of something that is imported there."""
    if not name.startswith(LIGHTNING):
        return False
    try:
        found = get_object(name)
    except Exception:  # whatever an unknown name does
        return False
    return isclass(found) and f"{found.__module__}.".startswith(LIGHTNING)


def _leaves(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Everything in a plain node that is no dict or list, by dotted key."""
    if isinstance(node, dict | list):
        for name, child in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _leaves(child, f"{key}.{name}" if key else str(name))
    else:
        yield key, node
