"""The values of a configuration, and whether a typed one fits where it goes."""

from typing import Any

from omegaconf import DictConfig, OmegaConf

NULLABLE = {"head.hidden": "a whole number"}  # keys that are null by default, and what else they may be


def wrong_type(key: str, default: Any, value: Any) -> str | None:
    """What `value` should have been, judging by the default; None where it fits."""
    if default is None:
        kind = NULLABLE.get(key)
        return None if kind is None or value is None or _fits(0, value) else f"{kind} or null"
    if value is None and key.startswith("trainer.") and key != "trainer.log_every_n_steps":
        return None
    return None if _fits(default, value) else _wanted(default)


def _fits(default: Any, value: Any) -> bool:
    if OmegaConf.is_list(default):
        return isinstance(value, list) and all(_fits(default[0], item) for item in value)
    if OmegaConf.is_dict(default):
        return False
    if isinstance(default, bool):
        return isinstance(value, bool)
    if isinstance(default, int):
        return isinstance(value, int) and not isinstance(value, bool)
    if isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str)


def _wanted(default: Any) -> str:
    if OmegaConf.is_list(default):
        kind = {int: " of whole numbers", float: " of numbers"}.get(type(default[0]), "")
        return f"a list{kind}, e.g. [{','.join(str(item) for item in default)}]"
    if OmegaConf.is_dict(default):
        return "set key by key"
    names = {bool: "true or false", int: "a whole number", float: "a number"}
    return names.get(type(default), "a name")


def flat(config: DictConfig, resolve: bool = True) -> dict[str, Any]:
    """All values of a configuration by dotted key, resolved or as they were written; lists count as values."""

    def walk(node: Any, prefix: str) -> dict[str, Any]:
        if not isinstance(node, dict) or not node:
            return {prefix: node} if not isinstance(node, dict) else {}
        parts = [walk(child, f"{prefix}.{name}" if prefix else str(name)) for name, child in node.items()]
        return {key: value for part in parts for key, value in part.items()}

    return walk(OmegaConf.to_container(config, resolve=resolve), "")
