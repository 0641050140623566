"""What `--help` prints: the groups with their options, and the settings with values, ranges and lines of help."""

import shutil
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from contrastive_lab.config import chosen_yaml, options
from contrastive_lab.config.model import Schema, allowed, choices, schema_of
from contrastive_lab.config.names import OWNED
from contrastive_lab.config.schema import GROUPS, model_of, single_of
from contrastive_lab.config.values import typed
from contrastive_lab.program import program

COLUMN = 36  # where lines of help begin


def register_help() -> None:
    """Register with Hydra what the templates of its help ask for."""
    OmegaConf.register_new_resolver("settings_help", _settings, replace=True)
    OmegaConf.register_new_resolver("groups_help", _groups, replace=True)
    OmegaConf.register_new_resolver("program", program, replace=True)


def _settings(*, _root_: DictConfig) -> str:
    values: Any = OmegaConf.to_container(_root_, resolve=False)
    top, groups = single_of(values)
    found = list(entries(schema_of(top), {name: _root_[name] for name in top.model_fields if name in values}))
    for group in (*groups, "theory"):
        if group in values:
            found += entries(schema_of(model_of(group, values[group])), values[group], f"{group}.")
    return "\n".join(row(*entry) for entry in found).replace("$", "$$")  # Hydra makes one dollar of two


def _groups() -> str:
    lines = (f"{group}: {', '.join(options(group))}" for group in GROUPS)
    return "\n".join(textwrap.fill(line, _width(), subsequent_indent="  ", break_on_hyphens=False) for line in lines)


def options_help(group: str) -> str:
    """The settings of each option of a group, with values and ranges."""
    lines = []
    for option in options(group):
        node: Any = OmegaConf.to_container(OmegaConf.load(chosen_yaml(group, option)), resolve=False)
        lines += ["", f"{group}={option}"]
        lines += [row(*entry) for entry in entries(schema_of(model_of(group, node)), node, f"{group}.")]
    return "\n".join(lines)


def entries(schema: Schema, values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Settings that can be typed, e.g. ("head.dim=128", "D, width of the vectors (1 or more)").

    What another setting gives, `OWNED`, is left out.
    """
    for name, value in values.items():
        setting = schema.get("properties", {}).get(name, {})
        if "properties" in setting:
            yield from entries(setting, value, f"{prefix}{name}.")
        elif name != "_target_" and not {f"{prefix}{name}", prefix.rstrip(".")} & OWNED.keys():
            boolean = setting.get("type") == "boolean" or {"type": "boolean"} in setting.get("anyOf", [])
            limits = ", ".join([*["true", "false"] * boolean, *choices(setting)]) or allowed(setting)
            text = f"{setting.get('description', '')}{f' ({limits})' if limits else ''}"
            yield f"{prefix}{name}={typed(value)}", text.strip()


def row(setting: str, text: str) -> str:
    """A setting, e.g. "K=16", with its line of help beside it, below it where the setting is too long."""
    lines = textwrap.wrap(text, _width() - COLUMN, break_on_hyphens=False)
    first = f"  {setting}"
    if lines and len(first) + 2 <= COLUMN:
        first = first.ljust(COLUMN) + lines.pop(0)
    return "\n".join([first, *(" " * COLUMN + line for line in lines)])


def _width() -> int:
    return min(max(shutil.get_terminal_size().columns, 2 * COLUMN), 120)
