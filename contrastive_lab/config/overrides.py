"""Check what was typed on the command line, key by key, against what the chosen groups hold."""

import difflib
from collections.abc import Iterator
from functools import lru_cache, reduce
from operator import getitem
from pathlib import Path
from typing import Any, cast

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError, OmegaConfBaseException

from contrastive_lab.config.check import check
from contrastive_lab.config.model import problems as problems_of
from contrastive_lab.config.model import typed_like
from contrastive_lab.config.schema import GROUPS, wrong_values
from contrastive_lab.config.values import flat, nodes
from contrastive_lab.errors import ConfigError, first_line

OWNED = {  # arguments of Lightning's Trainer that another setting gives
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
    # Old spellings.
    "method.share": "method.negatives_per",
    "method.loss": "loss",
    "scale.queue": "K",
    "scale.momentum": "method.momentum",
    "scale.warmup_epochs": "optim.warmup_epochs",
    "scale.prototypes": "method.prototypes",
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
    """The configuration that overrides of `primary` make, without those that are wrong, and what is wrong with them."""
    parsed = parse(overrides)
    if wrong := [o.input_line for o in parsed if _is_option(o) and not _is_name(o)]:
        raise ConfigError(*(f"{line}: must be the name of an option" for line in wrong))
    groups = tuple(o.input_line for o in parsed if _is_group(o) and o.input_line is not None)
    start = base(groups, conf, primary)
    config, known, failed = start.copy(), _keys(groups, conf, primary), dict[str, Any]()
    lines = [p for o in parsed if not _is_group(o) for p in _apply(config, o, known, failed)]
    for line in _wrong(config, start, failed):
        lines.append(line)
        OmegaConf.update(config, key := line.partition("=")[0], OmegaConf.select(start, key))
    return config, lines


def _wrong(config: DictConfig, start: DictConfig, failed: dict[str, Any]) -> list[str]:
    """What is wrong with single values, each told where it stands and not where another setting takes it from."""
    try:
        values, chosen = _plain(config), _plain(start)
    except InterpolationResolutionError:  # of groups that do not fit each other, which `check` names
        return []
    for key, value in failed.items():
        *path, name = key.split(".")
        reduce(getitem, path, values)[name] = value
    if "theory" in values:
        return problems_of(typed_like(chosen["theory"]), values["theory"], "theory")
    taken = {key for key, value in flat(config, resolve=False).items() if str(value).startswith("${")}
    return [line for line in wrong_values(values, chosen) if line.partition("=")[0] not in taken]


def _plain(config: DictConfig) -> dict[str, Any]:
    return cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))


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


def _is_name(override: Override) -> bool:
    """Whether an option is a name; of a scale, files below it are none."""
    name = override.value()
    return isinstance(name, str) and not (override.key_or_group == "scale" and "/" in name)


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


def _apply(config: DictConfig, override: Override, known: list[str], failed: dict[str, Any]) -> Iterator[str]:
    """Set one value in `config`, or in `failed` where its type does not fit, or say why the key cannot be set."""
    key = override.key_or_group
    if key in OWNED:
        yield f"{key}: set by a setting of this project; use {OWNED[key]}=..."
    elif override.is_sweep_override():
        yield f"{override.input_line}: several values need a multirun: python train.py -m {override.input_line} ..."
    elif override.is_delete():
        yield f"~{key}: keys cannot be taken out; set a value, e.g. {key}=null"
    elif override.is_add() and key.split(".")[0] in OPEN:
        OmegaConf.update(config, key, override.value(), force_add=True)
    elif override.is_add() and key in known:
        yield f"+{key}: the key is there already; leave out the plus"
    elif key not in known:
        yield _unknown(config, key, known)
    elif not _fits(config, key, override.value()):
        failed[key] = override.value()


def _fits(config: DictConfig, key: str, value: Any) -> bool:
    """Set a value, unless a group would be lost or it cannot be made into the type of the key."""
    try:
        if fits := not OmegaConf.is_dict(OmegaConf.select(config, key)):
            OmegaConf.update(config, key, value)
    except OmegaConfBaseException:
        return False
    return fits


def _unknown(config: DictConfig, key: str, known: list[str]) -> str:
    lower = {name.lower(): name for name in known if "." in name or "." not in key}
    near = difflib.get_close_matches(key.lower(), lower, n=1, cutoff=0.6)
    group, _, rest = key.partition(".")
    renamed = SYNONYMS.get(key, f"method_info.{rest}".rstrip(".") if group == "about" else "")
    if renamed and (group not in ("method", "about") or renamed in known):
        return f"{key}: no such key; did you mean {renamed}?"
    if (near and near[0].partition(".")[0] == group.lower()) or (near and not rest):
        return f"{key}: no such key; did you mean {lower[near[0]]}?"
    if group in config and rest:
        own = ", ".join(name.removeprefix(f"{group}.") for name in known if name.startswith(f"{group}."))
        chosen = OmegaConf.select(config, "method_info.name" if group == "method" else f"{group}.name")
        return f"{key}: {chosen or 'this option'} has no such setting; it has {own or 'none'}"
    if len(inner := [name for name in known if name.endswith(f".{key}")]) == 1:
        return f"{key}: no such key; did you mean {inner[0]}?"
    return f"{key}: no such key; python train.py --help lists them all"


@lru_cache
def _keys(groups: tuple[str, ...], conf: Path, primary: str) -> list[str]:
    """All dotted keys that can be set where these groups are chosen."""
    plain = OmegaConf.to_container(base(groups, conf, primary), resolve=False)
    return [key for key, _ in nodes(plain) if not key.endswith("_target_")]
