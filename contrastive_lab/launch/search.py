"""A line of a search, `hydra/sweeper=optuna`: checked before any work, also what lies in the folder of its sweep."""

import math
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from itertools import product
from typing import Any

from omegaconf import DictConfig, OmegaConf

from contrastive_lab.compat import without_sweeper
from contrastive_lab.config.identity import OMITTED, differences, within
from contrastive_lab.config.overrides import parse
from contrastive_lab.config.search import NODE, SWEEPER, Search, read_search
from contrastive_lab.config.values import key_and_value, nodes
from contrastive_lab.errors import ConfigError
from contrastive_lab.launch.experiment import given
from contrastive_lab.launch.inputs import of_user, read_images
from contrastive_lab.launch.plan import digest, plan
from contrastive_lab.launch.preflight import check_folders, checked, named
from contrastive_lab.launch.space import Interval, Parameter, read_space
from contrastive_lab.launch.trials import Searched
from contrastive_lab.program import front
from contrastive_lab.record.files import PLAN
from contrastive_lab.record.plan import Job, Plan, read_plan

OPTUNA = "optuna"
PARAMS = f"{NODE}.params"
MOST = 500  # settings that are checked before the first one is tried, of which others are made
KNOWN = ("knn_top1", "online_top1", "loss", "mi_estimate")  # metrics whose names may be misspelt
SHOWN = 3  # differences
FREE = ("n_trials", "n_jobs")  # of a search that goes on


def is_named(args: Namespace) -> bool:
    """Whether a line names the sweeper, which is then that of conf/, whatever is installed."""
    if given(args.overrides).get(SWEEPER) != OPTUNA:
        return False
    without_sweeper(OPTUNA)
    return True


def is_search(args: Namespace) -> bool:
    """Whether a line asks for a search; a ConfigError if for one that cannot be."""
    if not is_named(args) or "resume" in given(args.overrides):
        return False
    if not args.multirun:
        raise ConfigError(f"{SWEEPER}={OPTUNA}: with -m alone")
    if find_spec(OPTUNA) is None:
        raise ConfigError(f"{SWEEPER}={OPTUNA}: not installed; pip install optuna")
    return True


def prepared(args: Namespace, line: Sequence[str]) -> tuple[list[str], Searched]:
    """Check a line of a search; returns the overrides for Hydra, and the search, with the trials that are stored.

    A ConfigError has every problem found.
    """
    overrides, told = list(args.overrides), given(args.overrides)
    if "experiment" in told:
        raise ConfigError(f"experiment={told['experiment']}: has a grid of its own; leave out {SWEEPER}={OPTUNA}")
    if further := [key for key in told if within(key, {SWEEPER}) and key != SWEEPER]:
        name = further[0].rpartition("/")[2]
        raise ConfigError(f"{further[0]}: no such group; write {NODE}.{name}={told[further[0]]}")
    own, params, rest = _told(overrides)
    space = read_space(params, rest)
    fixed = [text for text in rest if _key(text) not in space and _key(text) != "sweep"]
    config = _check_space(fixed, space)
    search = read_search(own, config.evaluation.name, KNOWN)
    _check_labels(search, config)
    size = math.prod(each.size for each in space.values())
    few = search.model_copy(update={"n_trials": int(min(size, search.n_trials))})
    if "sweep" not in told:
        same = [text for text in overrides if _key(text) not in [f"{NODE}.{name}" for name in FREE]]
        overrides.append(f"sweep='search-{digest(sorted(same))}'")
    sweep = replace(plan([*front(), *line], overrides, []), search=few.model_dump(), experiment={"y": search.metric})
    found = taken_up(Searched(few, space, fixed, sweep))
    if few != search:
        print(f"notice: the space has {size:.0f} settings, each of which is tried once", flush=True)
    hydra = [text for text in overrides if within(_key(text), {"hydra"}) and not within(_key(text), {PARAMS})]
    return [*hydra, named(sweep), "hydra.output_subdir=null"], found


def _told(overrides: list[str]) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """The settings of a search by name, its parameters by key, and the rest of the overrides."""
    own, params, rest = dict[str, Any](), dict[str, Any](), list[str]()
    for override in parse(overrides):
        key, text = override.key_or_group, str(override.input_line)
        if key == PARAMS and isinstance(value := override.value(), dict):
            params |= {name: each for name, each in nodes(value) if not isinstance(each, dict)}
        elif within(key, {PARAMS}):
            params[key.removeprefix(f"{PARAMS}.")] = key_and_value(text)[1].strip("'\"")
        elif within(key, {NODE}):
            own[key.removeprefix(f"{NODE}.")] = override.value()
        elif key != SWEEPER:
            rest.append(text)
    return own, params, rest


def _key(override: str) -> str:
    return key_and_value(override)[0]


def _check_space(fixed: list[str], space: dict[str, Parameter]) -> DictConfig:
    """Check settings of a space: with all ends of all keys, or where these are many, those of each key by itself."""
    ends, problems, configs = [each.ends() for each in space.values()], dict[str, None](), list[DictConfig]()
    every = [*product(*ends)] if math.prod(map(len, ends)) <= MOST else _one_by_one(ends)
    for texts in every:
        try:
            configs.append(checked([*fixed, *map("=".join, zip(space, texts, strict=True))])[0])
        except ConfigError as error:
            problems.update(dict.fromkeys(error.problems))
    if problems:
        raise ConfigError(*dict.fromkeys(_hinted(problem, space) for problem in problems))
    return configs[0]


def _hinted(problem: str, space: dict[str, Parameter]) -> str:
    """A problem, with what to type where an interval is of numbers and its key takes whole ones."""
    for key, each in space.items():
        if isinstance(each, Interval) and problem.startswith(f"{key}=") and "must be a whole number" in problem:
            return f"{key}: must be a whole number; write {key}=int(interval({each.low:g},{each.high:g}))"
    return problem


def _one_by_one(ends: list[Sequence[str]]) -> list[tuple[str, ...]]:
    first = [each[0] for each in ends]
    return [(*first[:at], text, *first[at + 1 :]) for at, each in enumerate(ends) for text in each]


def _check_labels(search: Search, config: DictConfig) -> None:
    """A ConfigError of an accuracy of images or texts of the user's that have no labels."""
    metric = search.metric or ""
    if not metric.endswith(("_top1", "_top5")) or not of_user(config):
        return
    if not read_images(OmegaConf.to_yaml(config.dataset, resolve=True)).probed:
        hint = f"name what is logged without them, e.g. {NODE}.metric=effective_rank {NODE}.direction=maximize"
        raise ConfigError(f"{NODE}.metric: dataset={config.dataset.name} has no labels to test {metric} with; {hint}")


def taken_up(searched: Searched) -> Searched:
    """The search with the trials of its folder; a ConfigError where another search or sweep lies there."""
    folder = searched.sweep.folder
    if not (folder / PLAN).is_file():
        return searched
    stored = read_plan(folder)
    if stored.search is None:
        raise ConfigError(f"sweep={stored.name}: {folder} holds a sweep without a search; choose another sweep=<name>")
    if others := differences(_identity(stored), _identity(searched.sweep)):
        more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
        told = f"{'; '.join(others[:SHOWN])}{more}"
        raise ConfigError(f"sweep={stored.name}: {folder} holds another search ({told}); choose another sweep=<name>")
    configs, jobs = dict[str, DictConfig](), list[Job]()
    for job in stored.jobs:
        try:
            configs[job.folder], resolved = checked(job.overrides)
        except ConfigError:  # its settings do not go together, as its result says
            jobs.append(job)
        else:
            jobs.append(replace(job, config_hash=resolved.hash))
    sweep = replace(searched.sweep, jobs=jobs)
    check_folders(sweep, configs)
    return replace(searched, sweep=sweep)


def _identity(sweep: Plan) -> dict[str, Any]:
    """What makes two searches the same, whatever the number of their trials."""
    told = {key: value for key, value in given(sweep.overrides).items() if not within(key, {*OMITTED, "hydra"})}
    params = {key: value for key, value in given(sweep.overrides).items() if within(key, {PARAMS})}
    own = {f"{NODE}.{key}": value for key, value in (sweep.search or {}).items() if key not in FREE}
    return told | params | own
