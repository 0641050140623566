"""Check what was typed on the command line, key by key, against what the chosen groups hold.

Overrides are those of one job, without sweeps, e.g. ["method=simo", "K=16"]; `primary` is "config" for `train`,
"detect" and "theory" for those. What cannot be read, or names no group or option, is a ConfigError.
"""

import difflib
import re
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from functools import lru_cache, reduce
from operator import getitem
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError, OmegaConfBaseException

from contrastive_lab.config import CONF, folders, options
from contrastive_lab.config.check import OWN_LOSS, check
from contrastive_lab.config.identity import within
from contrastive_lab.config.names import OWNED, unknown
from contrastive_lab.config.schema import GROUPS, groups_of, takes_more, wrong_values
from contrastive_lab.config.values import flat, nodes
from contrastive_lab.errors import ConfigError, first_line
from contrastive_lab.program import named, program

SEARCHPATH = "hydra.searchpath"
QUOTE, ESCAPED = r"(\\*)'", r"\1\1\\'"  # how Hydra's grammar writes a quote within quotes


def composed(overrides: list[str]) -> DictConfig:
    """The configuration of one job, checked; a ConfigError has every problem found."""
    config, problems = applied(overrides)
    if config.method_info.pool == "none" or config.method_info.get("own_loss"):
        losses = [o.value() for o in parse(overrides) if o.key_or_group == "loss"]
        problems += [f"loss={loss}: {config.method_info.name} {OWN_LOSS}" for loss in losses]
    try:
        problems.extend(check(config))
    except InterpolationResolutionError as error:  # of a value that was typed as ${...}
        problems.append(f"{error.full_key}: {first_line(error)}")
    if problems:
        raise ConfigError(*problems)
    return config


def applied(overrides: list[str], primary: str = "config") -> tuple[DictConfig, list[str]]:
    """The configuration that overrides make, without those that are wrong, and what is wrong with them."""
    parsed = parse(overrides)
    if problems := [problem for o in parsed if _is_option(o, primary) if (problem := _wrong_option(o, primary))]:
        raise ConfigError(*problems)
    groups = tuple(str(o.input_line) for o in parsed if _is_group(o, primary))
    start = base(groups, primary)
    config, failed = start.copy(), dict[str, Any]()
    known = [key for key, _ in nodes(OmegaConf.to_container(start, resolve=False)) if not key.endswith("_target_")]
    lines = [p for o in parsed if not _is_group(o, primary) for p in _apply(config, o, known, failed)]
    for key, line in _wrong(config, start, failed).items():
        lines.append(line)
        OmegaConf.update(config, key, OmegaConf.select(start, key))
    return config, lines


def _wrong(config: DictConfig, start: DictConfig, failed: dict[str, Any]) -> dict[str, str]:
    """What is wrong with single values, each told where it stands and not where another setting takes it from."""
    values: Any
    chosen: Any
    try:
        values, chosen = (OmegaConf.to_container(node, resolve=True) for node in (config, start))
    except InterpolationResolutionError:  # of groups that do not fit each other, which `check` names
        return {}
    for key, value in failed.items():
        *path, name = key.split(".")
        reduce(getitem, path, values)[name] = value
    taken = {key for key, value in flat(config, resolve=False).items() if str(value).startswith("${")} - failed.keys()
    return {key: line for key, line in wrong_values(values, chosen).items() if key not in taken}


def parse(overrides: list[str]) -> list[Override]:
    """Overrides as Hydra reads them."""
    return [_parsed(override) for override in overrides]


@lru_cache(maxsize=4096)
def _parsed(override: str) -> Override:
    try:
        parsed = OverridesParser.create().parse_override(override)
    except HydraException:
        hint = "write key=value, e.g. K=16, and close quotes, []"
        if re.search(r"\bchoice\(.*\bnull\b", override):
            hint = "choice(...) takes no null; write alpha=null,256"
        raise ConfigError(f"{override}: cannot be read; {hint}") from None
    if not parsed.key_or_group:
        raise ConfigError(f"{override}: has no key; write key=value, e.g. K=16")
    return parsed


def _is_group(override: Override, primary: str) -> bool:
    return _is_option(override, primary) or override.key_or_group.startswith(("hydra.", "hydra/"))


def _is_option(override: Override, primary: str = "config") -> bool:
    key, groups = override.key_or_group, {*GROUPS, *groups_of(primary), "theory"}
    return key in groups or override.package is not None or ("/" in key and not key.startswith("hydra/"))


def _wrong_option(override: Override, primary: str) -> str | None:
    """What is wrong with an override of a group; None where it names one of the group's options."""
    key, line, name = override.get_key_element(), str(override.input_line), override.value()
    group, groups = override.key_or_group.partition("/")[0], groups_of(primary)
    if group == "theory" != primary:
        return f"{line}: not of {named('train')}; {program('theory')} {line.lstrip('+~')}"
    if key.lstrip("+~") not in groups:
        hint = f"did you mean {group}?" if group in groups else f"choose one of {', '.join(groups)}"
        return f"{key}: no such group; {hint}"
    if problem := _wrong_form(override, there=True):
        return problem
    if not isinstance(name, str) or (group == "scale" and "/" in name):  # files below a scale are no options
        return f"{line}: must be the name of an option; choose one of {', '.join(options(group))}"
    return None if name in options(group) else _missing_option(group, name, options(group))


def _wrong_form(override: Override, there: bool) -> str | None:
    """What is wrong with how an override is written, where its key or group is `there`, or is not."""
    key, line = override.key_or_group, override.input_line
    if override.is_sweep_override():
        return f"{line}: several values need a multirun: -m {line}"
    if override.is_delete():
        return f"~{key}: keys cannot be taken out; set a value, e.g. {key}={'<name>' if key in GROUPS else 'null'}"
    if there and (override.is_add() or (override.is_force_add() and _is_option(override))):
        return f"+{key}: the key is there already; leave out the plus"
    return None


def _missing_option(group: str, name: str, options: list[str]) -> str:
    """That a group has no option of this name, and which it has."""
    near = difflib.get_close_matches(name, options, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{group}={name}: no such option; {hint}choose one of {', '.join(options)}"


def base(groups: tuple[str, ...], primary: str = "config") -> DictConfig:
    """The configuration that the chosen groups make, without values."""
    further = [] if primary == "theory" else [*folders()[1:]]
    return _base(tuple(o for o in groups if not o.startswith(f"{SEARCHPATH}=")) + searched(further), primary)


def searched(places: Sequence[Path]) -> tuple[str, ...]:
    """The override that has Hydra look for options in some folders beside conf/; none where there are none."""
    text = ",".join(f"'file://{re.sub(QUOTE, ESCAPED, str(place))}'" for place in places)
    return (f"{SEARCHPATH}=[{text}]",) if places else ()


@lru_cache
def _base(groups: tuple[str, ...], primary: str) -> DictConfig:
    try:
        ready = GlobalHydra.instance().is_initialized()
        with nullcontext() if ready else initialize_config_dir(str(CONF.resolve()), version_base="1.3"):
            return compose(primary, list(groups))
    except MissingConfigException as error:  # of Hydra's own groups
        group, _, name = (error.missing_cfg_file or "?/?").rpartition("/")
        raise ConfigError(_missing_option(group, name, list(error.options or []))) from None
    except HydraException as error:
        line = first_line(error)
        if key := re.match("Could not override '(.+?)'", line):
            line = f"{key[1]}: no such key; {program('train')} --cfg hydra lists Hydra's"
        raise ConfigError(line) from None


def _apply(config: DictConfig, override: Override, known: list[str], failed: dict[str, Any]) -> Iterator[str]:
    """Set one value in `config`, or in `failed` where its type does not fit, or say why the key cannot be set."""
    key = override.key_or_group
    further = override.is_add() and key not in known and takes_more(config, key)
    if owner := next((new for old, new in OWNED.items() if within(key, {old})), None):
        yield f"{key}: set by a setting of this project; use {owner}=..."
    elif problem := _wrong_form(override, there=key in known):
        yield problem
    elif further:
        OmegaConf.update(config, key, override.value(), force_add=True)
    elif key not in known:
        yield unknown(config, key, known)
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
