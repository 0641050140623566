"""A command line as it is typed, before Hydra reads it."""

import os
import re
from argparse import ArgumentError, Namespace
from collections.abc import Sequence
from pathlib import Path

from contrastive_lab.compat import hydra_parser
from contrastive_lab.config import identity, options
from contrastive_lab.config.overrides import ESCAPED, QUOTE
from contrastive_lab.config.values import key_and_value
from contrastive_lab.errors import ConfigError, first_line
from contrastive_lab.launch.own_code import in_force

PATHS = ("resume", "hydra.run.dir", "data_dir", "weights", *identity.PATHS)
FLAGS = ("--cfg", "--info", "--package")  # Hydra's own that take a value and have no hyphen in their names


def read_line(line: Sequence[str]) -> Namespace:
    """Hydra's flags and the overrides of a line, e.g. ["train", "-m", "K=4,8"].

    `--K=16`, as W&B's agents write it, is K=16. A path that is there is taken as it is, with all the signs that mean
    something to Hydra, and ~ is the user's folder. An infinite alpha may be written `.inf`, as yamls have it. What the
    line says of code from outside is `in_force` from here on. A line that cannot be read, or gives a key twice, is a
    ConfigError.
    """
    arguments = [part[2:] if _is_setting(part) else part for part in line[1:]]
    parser = hydra_parser()
    parser.exit_on_error = False
    try:
        read, unknown = parser.parse_known_intermixed_args(arguments)  # -m and --cfg may stand anywhere
    except ArgumentError as error:
        raise ConfigError(f"{first_line(error)}; --hydra-help lists Hydra's flags") from None
    if unknown:
        name = unknown[0].lstrip("-") or "key"
        raise ConfigError(f"{unknown[0]}: no such flag; settings are key=value: {name}=<value>")
    overrides = [_alpha(_run_name(quoted(override))) for override in read.overrides]
    if os.environ.get("LOCAL_RANK", "0") == "0":  # to the others' line Lightning adds the folder once more
        check_once(overrides)
    read.overrides, read.config_dir = in_force(read.config_dir, overrides), None
    return read


def check_once(overrides: Sequence[str]) -> None:
    """Raise a ConfigError that names the keys and groups that are given twice; Hydra would take the last of them."""
    found = dict[str, list[str]]()
    for override in overrides:
        if "=" in override:
            found.setdefault(key_and_value(override)[0].lstrip("+"), []).append(override)
    if twice := {key: " ".join(several) for key, several in found.items() if len(several) > 1}:
        raise ConfigError(*(f"{told}: {key} is given twice; leave one out" for key, told in twice.items()))


def _is_setting(part: str) -> bool:
    return bool(re.match(r"--[\w.@/]+=", part)) and key_and_value(part)[0] not in FLAGS


def _alpha(override: str) -> str:
    """The override, with Hydra's spelling of infinity where it gives an alpha."""
    key, value = key_and_value(override)
    spelt = re.sub(r"(?<![^,\[\s])\.inf(?![^,\]\s])", "inf", value, flags=re.IGNORECASE)
    return f"{key}={spelt}" if key.endswith(("alpha", "alphas")) else override


def _run_name(override: str) -> str:
    """The override, with our key for the name of a W&B run where that is asked for as Lightning has it, logger.name."""
    key, value = key_and_value(override)
    if key.lstrip("+") == "logger.name" and value not in options("logger"):
        return f"logger.run_name={value}"
    return override


def quoted(override: str) -> str:
    """The override, in quotes where it gives a path that is there."""
    key, value = key_and_value(override)
    if key.lstrip("+") not in PATHS or value[:1] in ("'", '"'):
        return override
    path = Path(value).expanduser()
    plain = re.fullmatch(r"[\w./:-]+", value)
    if (one := key in ("resume", "hydra.run.dir")) and not value:  # never several
        raise ConfigError(f"{override}: must be a folder")
    if plain or not value or not (one or value.startswith("~") or path.exists()):
        return override
    return f"{key}='{re.sub(QUOTE, ESCAPED, str(path))}'"
