"""The values of a configuration: by dotted key, and as they are typed."""

import math
from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from contrastive_lab.errors import ConfigError


def flat(config: DictConfig, resolve: bool = True) -> dict[str, Any]:
    """All values of a configuration by dotted key, resolved or as they were written; lists count as values."""
    plain = OmegaConf.to_container(config, resolve=resolve)
    return {key: value for key, value in nodes(plain) if not isinstance(value, dict)}


def nodes(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Everything below a plain node, inner nodes among it, by dotted key."""
    for name, child in node.items():
        yield f"{prefix}{name}", child
        if isinstance(child, dict):
            yield from nodes(child, f"{prefix}{name}.")


def key_and_value(text: str) -> tuple[str, str]:
    """Cut what was typed as key=value; nothing else does. The value is empty where there is none."""
    key, _, value = text.partition("=")
    return key, value


def typed(value: Any) -> str:
    """A value as the command line takes it, e.g. "null" and "[8,16]"."""
    if isinstance(value, list | tuple | ListConfig):
        return f"[{','.join(map(typed, value))}]"
    return {"None": "null", "True": "true", "False": "false"}.get(str(value), str(value))


def with_arch(name: Any, arch: Any) -> str:
    """A backbone's name, with its architecture where the name does not begin with it, e.g. "timm (resnet26)"."""
    return f"{name} ({arch})" if arch and not str(name).startswith(str(arch)) else str(name)


def points(value: Any, key: str = "margin") -> float:
    """What counts as no difference, in the unit of y; unless above 0 it is a ConfigError that begins with the key."""
    try:
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not 0 < found < math.inf:
        raise ConfigError(f"{key}={typed(value)}: must be a number above 0, in points of accuracy")
    return found
