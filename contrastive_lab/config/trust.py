"""What a configuration from elsewhere may do: it must run no code of others and touch nothing but its run's folder."""

import re
from collections.abc import Iterator
from functools import cache
from inspect import isclass
from typing import Any

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf

from contrastive_lab.config import CONF

LIGHTNING = ("pytorch_lightning.plugins.", "pytorch_lightning.strategies.")
KEY = re.compile(r"\$\{[\w.\[\]]+\}")
HARMLESS = re.compile(r"\$\{(oc\.select:[\w.]+|oc\.env:WANDB_\w+)(,[\w.+-]*)?\}")  # a key too, and W&B's own variables


def untrusted_code(config: DictConfig) -> Iterator[str]:
    """What a configuration would call that neither conf/ calls nor is a class of Lightning's plugins or strategies."""
    for key, value in _leaves(OmegaConf.to_container(config)):
        if key.rpartition(".")[2] == "_target_" and not (value in _ours() or _of_lightning(str(value))):
            yield f"{key}={value}: only what conf/ names is called, and classes of {' and '.join(LIGHTNING)}"


def untrusted_resolvers(config: DictConfig) -> Iterator[str]:
    """Values that would be worked out by anything but another key or a variable of W&B."""
    for key, value in _leaves(OmegaConf.to_container(config)):
        if "${" in HARMLESS.sub("x", KEY.sub("x", str(value))):
            yield f"{key}={value}: only other keys and ${{oc.env:WANDB_...}} are put in"


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
