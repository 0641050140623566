"""Check what was typed on the command line, key by key, against what the chosen groups hold."""

import difflib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from contrastive_lab.config.check import check
from contrastive_lab.config.schema import GROUPS
from contrastive_lab.config.values import wrong_type
from contrastive_lab.errors import ConfigError, first_line

OWNED = {  # arguments of Lightning's Trainer that a dial sets
    "trainer.accelerator": "strategy.accelerator",
    "trainer.devices": "strategy.devices",
    "trainer.strategy": "strategy",
    "trainer.sync_batchnorm": "batchnorm",
    "trainer.max_epochs": "epochs",
    "trainer.logger": "logger",
    "trainer.callbacks": "evaluation",
    "trainer.default_root_dir": "hydra.run.dir",
}
SYNONYMS = {
    "temperature": "tau",
    "T": "tau",
    "N": "batch_size",
    "lr": "base_lr",
    "learning_rate": "base_lr",
    "queue": "K",
    "negatives": "K",
    "num_negatives": "K",
    "data": "dataset",
    "views": "augment",
    "model": "method",
    "devices": "strategy.devices",
    "gpus": "strategy.devices",
    "max_epochs": "epochs",
    "precision": "trainer.precision",
    "max_steps": "trainer.max_steps",
}
OPEN = ("backbone", "logger")  # groups that take further keys with a plus


def composed(overrides: list[str], conf: Path) -> DictConfig:
    """The configuration of one job, checked.

    Args:
        overrides: what stands on the command line, e.g. ["method=simo", "K=16"]; no sweeps.
        conf: the folder of configurations.

    Raises:
        ConfigError: with every problem found.
    """
    if theory := next((o for o in overrides if o.startswith("theory=")), None):
        raise ConfigError(f"{theory}: not of train.py; python scripts/theory.py {theory}")
    config, problems = applied(overrides, conf)
    problems += check(config)
    if problems:
        raise ConfigError(*problems)
    return config


def applied(overrides: list[str], conf: Path, primary: str = "config") -> tuple[DictConfig, list[str]]:
    """The configuration that overrides of `primary` make, and what is wrong with the overrides themselves."""
    parsed = parse(overrides)
    if wrong := [o.input_line for o in parsed if _is_option(o) and not isinstance(o.value(), str)]:
        raise ConfigError(*(f"{line}: must be the name of an option" for line in wrong))
    groups = tuple(o.input_line for o in parsed if _is_group(o) and o.input_line is not None)
    config = base(groups, conf, primary).copy()
    return config, [p for o in parsed if not _is_group(o) for p in _apply(config, o)]


def parse(overrides: list[str]) -> list[Override]:
    """Overrides as Hydra reads them.

    Raises:
        ConfigError: if one cannot be read.
    """
    try:
        return OverridesParser.create().parse_overrides(overrides)
    except HydraException as error:
        raise ConfigError(f"{first_line(error)}; write key=value, e.g. K=16") from None


def _is_group(override: Override) -> bool:
    return _is_option(override) or override.key_or_group.startswith("hydra.")


def _is_option(override: Override) -> bool:
    key = override.key_or_group
    return key in (*GROUPS, "theory") or "/" in key


@lru_cache
def base(groups: tuple[str, ...], conf: Path, primary: str = "config") -> DictConfig:
    """The configuration that the chosen groups make, without values."""
    try:
        if GlobalHydra.instance().is_initialized():
            return compose(primary, list(groups))
        with initialize_config_dir(str(conf.resolve()), version_base="1.3"):
            return compose(primary, list(groups))
    except MissingConfigException as error:
        raise ConfigError(_missing_option(error)) from None
    except HydraException as error:
        raise ConfigError(first_line(error)) from None


def _missing_option(error: MissingConfigException) -> str:
    group, _, name = (error.missing_cfg_file or "?/?").rpartition("/")
    near = difflib.get_close_matches(name, error.options or [], n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{group}={name}: no such option; {hint}choose one of {', '.join(error.options or [])}"


def _apply(config: DictConfig, override: Override) -> Iterator[str]:
    """Set one value in `config`, or say what is wrong with it."""
    key = override.key_or_group
    if key in OWNED:
        yield f"{key}: set by a dial of this project; use {OWNED[key]}=..."
    elif override.is_sweep_override():
        yield f"{override.input_line}: several values need a multirun: python train.py -m {override.input_line} ..."
    elif override.is_delete():
        yield f"~{key}: keys cannot be taken out; set a value, e.g. {key}=null"
    elif override.is_add() and key.split(".")[0] in OPEN:
        OmegaConf.update(config, key, override.value(), force_add=True)
    elif override.is_add() and key in _keys(config):
        yield f"+{key}: the key is there already; leave out the plus"
    elif key not in _keys(config):
        yield _unknown(config, key)
    else:
        yield from _set(config, key, override.value())


def _set(config: DictConfig, key: str, value: Any) -> Iterator[str]:
    default = OmegaConf.select(config, key)
    wanted = wrong_type(key, default, value) if "." in key else None
    if wanted:
        yield f"{key}={value}: must be {wanted}"
        return
    try:
        OmegaConf.update(config, key, value)
    except OmegaConfBaseException:
        kind = {"K": "a whole number, or null for all", "alpha": "a number, or null for alpha = K"}
        number = "a whole number" if isinstance(default, int) else "a number"
        yield f"{key}={value}: must be {kind.get(key, number)}"


def _unknown(config: DictConfig, key: str) -> str:
    known = _keys(config)
    lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(key.lower(), lower, n=1, cutoff=0.6)
    group, _, _ = key.partition(".")
    if key in SYNONYMS:
        return f"{key}: no such key; did you mean {SYNONYMS[key]}?"
    if (near and near[0].partition(".")[0] == group.lower()) or (near and "." not in key):
        return f"{key}: no such key; did you mean {lower[near[0]]}?"
    if group in config and "." in key:
        own = ", ".join(name.removeprefix(f"{group}.") for name in known if name.startswith(f"{group}."))
        name = OmegaConf.select(config, f"{group}.name") or (
            config.method_info.name if group == "method" else "this option"
        )
        return f"{key}: {name} has no such dial; it has {own or 'none'}"
    if len(inner := [name for name in known if name.endswith(f".{key}")]) == 1:
        return f"{key}: no such key; did you mean {inner[0]}?"
    return f"{key}: no such key; python train.py --help lists them all"


def _keys(config: DictConfig) -> list[str]:
    """All dotted keys that can be set."""

    def walk(node: DictConfig, prefix: str) -> Iterator[str]:
        for name in node:
            yield prefix + str(name)
            if not OmegaConf.is_interpolation(node, str(name)) and isinstance(child := node.get(name), DictConfig):
                yield from walk(child, f"{prefix}{name!s}.")

    return [key for key in walk(config, "") if not key.endswith("_target_")]
