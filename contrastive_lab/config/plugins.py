"""Packages of others whose code a line allows: `plugins=[my_lab]`, or an entry point `contrastive_lab.plugins`."""

import difflib
import os
import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from contrastive_lab.config import folders
from contrastive_lab.errors import ConfigError, RunError

GROUP = "contrastive_lab.plugins"  # of entry points
ALLOWED = "CONTRASTIVE_LAB_PLUGINS"  # variable with what was typed, which a process hands on to those that it starts
LIBRARIES = {
    "contrastive_lab", "hydra", "jinja2", "matplotlib", "numpy", "omegaconf", "pandas", "pydantic",
    "pytorch_lightning", "safetensors", "scipy", "sklearn", "timm", "torch", "torchmetrics", "torchvision", "tqdm",
    "typing_extensions", "wandb",
}  # fmt: skip


def allow(packages: Sequence[str]) -> None:
    """Import packages and allow their code, and no other, until the next call; here and in processes started here.

    Raises:
        ConfigError: of one that is none, or cannot be imported.
    """
    os.environ[ALLOWED] = ""
    for package in packages:
        if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", package):
            raise ConfigError(f"plugins=[{package}]: must be names of packages, e.g. plugins=[my_lab]")
        if not _is_own(package):
            raise ConfigError(
                f"plugins=[{package}]: of Python or of a library of this project; name a package of yours"
            )
        _import(package)
    os.environ[ALLOWED] = ",".join(packages)


def allowed() -> list[str]:
    """The packages that the line allows, e.g. ["my_lab"]."""
    return [package for package in os.environ.get(ALLOWED, "").split(",") if package]


def refused(target: str, packages: Sequence[str] | None = None) -> str | None:
    """Why what has a dotted name, e.g. "my_lab.DCL", may not be called; None if it may.

    It may if it is defined in one of `packages`, by default those that the line allows. Of a package with an entry
    point that holds for what a yaml beside conf/ names: a run's folder from elsewhere cannot choose what it calls.
    """
    package = target.partition(".")[0]
    typed = allowed() if packages is None else packages
    if not _is_own(package):
        return "only what conf/ names there is called, and classes of pytorch_lightning.plugins and .strategies"
    owners = [word for word in typed if f"{target}.".startswith(f"{word}.")]
    if not owners and packages is None and package in _installed() and target in named_in(folders()[1:]):
        owners = [package]
    if not owners:
        return f"only what conf/ names there is called; plugins=[{package}] allows {package}, whose code then runs"
    try:
        found = found_by_name(target)
    except ConfigError as error:
        return str(error)
    if not callable(found) or not f"{getattr(found, '__module__', '')}.".startswith(f"{owners[0]}."):
        return f"not a class or function of {owners[0]}"
    return None


def is_plugin(target: str) -> bool:
    """Whether a dotted name is that of a package of others which is allowed."""
    return _is_own(target.partition(".")[0]) and refused(target) is None


def found_by_name(target: str) -> Any:
    """What has a dotted name; a ConfigError says why nothing has."""
    module, _, name = target.rpartition(".")
    try:
        return resolve_name(target)
    except AttributeError:
        near = difflib.get_close_matches(name, dir(import_module(module)) if module in sys.modules else [], n=1)
        raise ConfigError(f"{module} has no {name}{f'; did you mean {near[0]}?' if near else ''}") from None
    except Exception as error:
        raise ConfigError(_raised(error)) from None


@cache
def named_in(places: tuple[Path, ...]) -> set[str]:
    """What the yamls in some folders call."""
    texts = (path.read_text() for place in places for path in place.rglob("*.yaml"))
    return {found for text in texts for found in re.findall(r"_target_: *([\w.]+)", text)}


@contextmanager
def in_one_line(key: str, target: str) -> Iterator[None]:
    """Inside, an error of a plugin's class or function that it does not word itself is a ConfigError of the key."""
    try:
        yield
    except (ConfigError, RunError):
        raise
    except Exception as error:
        if is_plugin(target):
            raise ConfigError(f"{key}: {_raised(error)}") from None
        raise


def _is_own(package: str) -> bool:
    """Whether a package may be a user's: it is neither Python's own nor a library of this project."""
    return package.partition(".")[0] not in LIBRARIES | sys.stdlib_module_names


@cache
def _installed() -> set[str]:
    """Packages that declare themselves plugins."""
    return {point.module.partition(".")[0] for point in entry_points(group=GROUP)}


def _import(package: str) -> None:
    try:
        import_module(package)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{package}.".startswith(f"{error.name}."):
            raise ConfigError(f"plugins=[{package}]: cannot be imported ({_raised(error)})") from None
        where = (
            "pip install it, or put the folder that it lies in on PYTHONPATH; what lies beside a --config-dir is found"
        )
        raise ConfigError(f"plugins=[{package}]: no module named {error.name}; {where}") from None
    except (Exception, SystemExit) as error:
        raise ConfigError(f"plugins=[{package}]: cannot be imported ({_raised(error)})") from None


def _raised(error: BaseException) -> str:
    """An error of code of others, with the file and the line that it comes from."""
    frames = traceback.extract_tb(error.__traceback__)
    where, text = f"{frames[-1].filename}:{frames[-1].lineno}", str(error).strip().partition("\n")[0]
    if isinstance(error, SyntaxError):
        where, text = f"{error.filename}:{error.lineno}", error.msg
    return f"{type(error).__name__}: {text}, {where}"
