"""What a line says of configuration and code from outside: `--config-dir`, hydra.searchpath and `plugins`."""

import os
import sys
from argparse import ArgumentError, ArgumentParser
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from contrastive_lab.config import CONF, FURTHER
from contrastive_lab.config.overrides import SEARCHPATH, parse, searched
from contrastive_lab.config.plugins import allow
from contrastive_lab.config.values import key_and_value
from contrastive_lab.errors import ConfigError, first_line

PLUGINS = "plugins"


def in_force(config_dir: str | None, overrides: list[str]) -> list[str]:
    """Look options up in the folders that a line names too, and allow the packages that it names, and no others.

    What lies beside such a folder can be imported. Returns the overrides, `config_dir` among them as Hydra's
    searchpath, so that every job and process of the line gets it.

    Raises:
        ConfigError: of a folder that is none, has an option that conf/ has, or of a package that cannot be imported.
    """
    typed = {key: override for override in overrides if (key := key_and_value(override)[0]) in (PLUGINS, SEARCHPATH)}
    lists = {key: _names(override) for key, override in typed.items()}
    places = [_folder(config_dir, "--config-dir")] if config_dir is not None else []
    for place in places:
        _importable(place.parent)
    places += [_searched(text) for text in lists.get(SEARCHPATH, [])]
    for place in places:
        _importable(place.parent)
        for path in place.rglob("*.yaml"):
            if (CONF / path.relative_to(place)).is_file():
                raise ConfigError(
                    f"{path}: conf/ has this option too, and its own is taken; give the file another name"
                )
    os.environ[FURTHER] = os.pathsep.join(dict.fromkeys(map(str, places)))
    allow(lists.get(PLUGINS, []))
    rest = [override for override in overrides if key_and_value(override)[0] != SEARCHPATH]
    return [*rest, *searched(places)]


def without_own_code(arguments: Sequence[str]) -> list[str]:
    """A line of a command that reads a run, e.g. ["run=x", "plugins=[my_lab]"], but for those words, put in force."""
    parser = ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--config-dir", "-cd")
    try:
        read, rest = parser.parse_known_args(arguments)
    except ArgumentError as error:
        raise ConfigError(
            f"--config-dir: {first_line(error).partition(': ')[2]}; write --config-dir <folder>"
        ) from None
    words = [part for part in rest if key_and_value(part)[0] in (PLUGINS, SEARCHPATH)]
    in_force(read.config_dir, words)
    return [part for part in rest if part not in words]


def _names(override: str) -> list[str]:
    """The names that a line lists."""
    found: Any = parse([override])[0].value()
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        example = f"{PLUGINS}=[my_lab]" if override.startswith(PLUGINS) else f"{SEARCHPATH}=[file://my_lab/conf]"
        raise ConfigError(f"{override}: must be a list of names, e.g. {example}")
    return found


def _searched(text: str) -> Path:
    """The folder that a part of Hydra's searchpath names."""
    scheme, there, rest = text.rpartition("://")
    if not there or scheme == "file":
        return _folder(rest, SEARCHPATH)
    try:
        spec = find_spec(rest.replace("/", ".")) if scheme == "pkg" else None
    except ImportError:
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(f"{SEARCHPATH}={text}: no such package; write file://<folder> or pkg://<package>.conf")
    return Path(next(iter(spec.submodule_search_locations))).resolve()


def _folder(text: str, said: str) -> Path:
    folder = Path(text).expanduser()
    if not (text and folder.is_dir()):
        raise ConfigError(f"{said} {text}: no such folder")
    return folder.resolve()


def _importable(folder: Path) -> None:
    """Let packages in a folder be imported, after all others, here and in processes started here."""
    path = str(folder)
    if path not in sys.path:
        sys.path.append(path)
    known = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    os.environ["PYTHONPATH"] = os.pathsep.join([*known, *([path] if path not in known else [])])
