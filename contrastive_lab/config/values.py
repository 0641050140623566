"""The values of a configuration by dotted key."""

from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf


def flat(config: DictConfig, resolve: bool = True) -> dict[str, Any]:
    """All values of a configuration by dotted key, resolved or as they were written; lists count as values."""
    return {key: value for key, value in nodes(OmegaConf.to_container(config, resolve=resolve)) if not _inner(value)}


def nodes(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Everything below a plain node, inner nodes among it, by dotted key."""
    for name, child in node.items():
        yield f"{prefix}{name}", child
        if _inner(child):
            yield from nodes(child, f"{prefix}{name}.")


def _inner(value: Any) -> bool:
    return isinstance(value, dict)
