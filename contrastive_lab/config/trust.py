"""What a configuration from elsewhere may do: it must run no code of others and touch nothing but its run's folder."""

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from inspect import isclass
from typing import Any, cast

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from contrastive_lab.config import CONF, chosen_yaml, options
from contrastive_lab.config.plugins import allowed, refused
from contrastive_lab.config.schema import model_of
from contrastive_lab.errors import first_line

LIGHTNING = ("pytorch_lightning.plugins.", "pytorch_lightning.strategies.")
KEY = re.compile(r"\$\{[\w.\[\]]+\}")
# A key too, K as it follows the batch, and those of W&B's variables that are no secret.
HARMLESS = re.compile(r"\$\{(oc\.select:[\w.]+|held:\d+,x|oc\.env:WANDB_(PROJECT|ENTITY))(,[\w.+-]*)?\}")
WRITE = ("contrastive_lab.dataset.packed", "contrastive_lab.dataset.ag_news")  # into data_dir
NAMED = ("dataset", "backbone", "evaluation", "logger", "loss", "scale", "strategy")
STRICT = ("loss", "logger", "strategy")  # whose options are those of conf/ alone
PLAIN = re.compile(r"\w[\w.+-]*")
NAMES = {group: f"{group}.name" for group in NAMED} | {"method": "method_info.id"}


def untrusted_code(config: DictConfig) -> Iterator[str]:
    """What a configuration would call, unless conf/ calls it at that key, `LIGHTNING` has its class, or a plugin."""
    for key, value in _leaves(OmegaConf.to_container(config)):
        if key.rpartition(".")[2] != "_target_" or value in _ours().get(key, ()) or _of_lightning(str(value)):
            continue
        if why := refused(str(value)):
            yield f"{key}={value}: {why}"


def untrusted_resolvers(config: DictConfig) -> Iterator[str]:
    """Values that would be worked out by anything but another key or two variables of W&B."""
    for key, value in _leaves(OmegaConf.to_container(config)):
        if "${" in HARMLESS.sub("x", KEY.sub("x", str(value))):
            yield f"{key}={value}: only other keys, WANDB_PROJECT and WANDB_ENTITY are put in"


def untrusted_links(config: DictConfig) -> Iterator[str]:
    """Keys that stand for another one in which something is called: a data set in place of a backbone is downloaded."""
    for key, value in _leaves(OmegaConf.to_container(config)):
        with suppress(OmegaConfBaseException):  # of a key that is missing, which is told where it is used
            found = OmegaConf.select(config, key) if "${" in str(value) else None
            if OmegaConf.is_config(found) and any("_target_" in name for name, _ in _leaves(_plain(found))):
                yield f"{key}={value}: stands for a part in which something is called; write that part there"


def untrusted_names(config: DictConfig) -> Iterator[str]:
    """Names that no option can have: files are named after some. Keys that are missing are passed over."""
    for group, key in NAMES.items():
        try:
            name = OmegaConf.select(config, key)
            of_plugin = group == "loss" and OmegaConf.select(config, "loss._target_") is not None
        except OmegaConfBaseException as error:
            yield f"{key}: cannot be read ({first_line(error)})"
            continue
        own = (
            bool(allowed()) and (of_plugin or group not in STRICT) and bool(PLAIN.fullmatch(str(name)))
        )  # of a plugin's yaml
        if name is not None and name not in options(group) and not own:
            yield f"{key}={name}: no option of {group}, which has {', '.join(options(group))}"


def untrusted_logger(config: DictConfig) -> Iterator[str]:
    """Settings of a logger beside those of its model and what its yaml says: they may name a folder, or a server."""
    if (name := OmegaConf.select(config, "logger.name")) not in options("logger"):
        return  # see `untrusted_names`
    taken = [*model_of("logger", {"name": name}).model_fields]
    told = cast(dict[str, Any], OmegaConf.to_container(OmegaConf.load(chosen_yaml("logger", name))))
    for key, value in cast(dict[str, Any], OmegaConf.to_container(config.logger)).items():
        if key not in taken and (key, value) not in told.items():
            yield f"logger.{key}={value}: not taken from a run's folder; logger={name} takes {', '.join(taken)}"


def read_only(config: DictConfig) -> DictConfig:
    """The same whose data set is neither downloaded nor packed; `moved` takes that back for a data_dir of the line."""
    if OmegaConf.select(config, "dataset.splits._target_") in WRITE:
        OmegaConf.update(config, "dataset.splits.write", False, force_add=True)
    return config


@cache
def _ours() -> dict[str, set[str]]:
    """What the files in conf/ call, by key."""
    found = defaultdict[str, set[str]](set)
    for path in CONF.rglob("*.yaml"):
        if "_target_" not in (text := path.read_text()):  # most call nothing, and to read them as yaml takes long
            continue
        group = "" if "@package _global_" in text else f"{path.relative_to(CONF).parts[0]}."
        for key, value in _leaves(_plain(OmegaConf.load(path))):
            if key.rpartition(".")[2] == "_target_":
                found[group + key].add(str(value))
    return found


def _of_lightning(name: str) -> bool:
    """Whether a name is of a class that is defined in one of `LIGHTNING`, not of something that is imported there."""
    if not name.startswith(LIGHTNING):
        return False
    try:
        found = get_object(name)
    except Exception:  # whatever an unknown name does
        return False
    return isclass(found) and f"{found.__module__}.".startswith(LIGHTNING)


def _plain(node: Any) -> Any:
    return OmegaConf.to_container(node)


def _leaves(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Everything in a plain node that is no dict or list, by dotted key."""
    if isinstance(node, dict | list):
        for name, child in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _leaves(child, f"{key}.{name}" if key else str(name))
    else:
        yield key, node
