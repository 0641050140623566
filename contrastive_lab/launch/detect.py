"""Detection from stored runs: a line of `detect` as a line of jobs, one for each run and start."""

from contextlib import suppress
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple, cast

from omegaconf import DictConfig, OmegaConf

from contrastive_lab.config.detect_check import composed_detect, resolve_detect
from contrastive_lab.config.identity import within
from contrastive_lab.config.overrides import base
from contrastive_lab.config.values import key_and_value
from contrastive_lab.errors import ConfigError
from contrastive_lab.launch.experiment import Part, given, load
from contrastive_lab.launch.line import quoted, read_line
from contrastive_lab.launch.plan import digest, sweep_name
from contrastive_lab.launch.preflight import Checked, Kind
from contrastive_lab.launch.sources import Asked, Source, check_data, like, parted, single, sources
from contrastive_lab.record.plan import Plan
from contrastive_lab.record.run import stored_config

STARTS = ("run", "random", "supervised")
OWN = ("run", "sweep", "start", "experiment")
BOTH = ("scale", "data_dir", "plugins", "hydra")  # of an experiment's line, what the runs before detection take, too
FIRST = ("seed",)  # what they alone take: a detector has the seed of its run


class Experiment(NamedTuple):
    """The line that pre-trains, the line of `detect` on what comes out, and the node of its report."""

    train: list[str]
    detect: list[str]
    node: dict[str, Any]


def read_experiment(line: list[str]) -> Experiment | None:
    """Cut a line of `detect` with an experiment into its two; None of one without. ConfigError if the second is wrong.

    What comes out of the first does not exist yet, so that of the second the settings alone are checked.
    """
    own = dict(map(key_and_value, line[1:]))
    if "experiment" not in own:
        return None
    read_line(line)  # so that a user's own yamls are looked at
    name, node = own["experiment"], load(own["experiment"])
    if taken := [key for key in ("run", "sweep") if key in own]:
        raise ConfigError(f"{taken[0]}={own[taken[0]]}: the runs are those of experiment={name}; leave one of them out")
    if "detect" not in node:
        told = "is no experiment" if not node else "pre-trains alone; detect sweep=<its folder> goes on from it"
        raise ConfigError(f"experiment={name}: {told}; eqco/table9 is one of detection")
    rest = [part for part in line[1:] if key_and_value(part)[0] not in OWN and part not in ("-m", "--multirun")]
    shared = [part for part in rest if part.startswith("-") or within(key_and_value(part)[0], (*BOTH, *FIRST))]
    train = ["train", "-m", f"experiment={name}", *shared]
    rest = [part for part in rest if key_and_value(part)[0] not in FIRST]
    composed_detect(["start=random", *single(given(read_line(["detect", *rest]).overrides))])
    folder = Plan(sweep_name(read_line(train).overrides)).folder
    start = own.get("start", "run,random")
    report = {key: value for key, value in node.items() if key not in ("set", "grid", "time")} | node["detect"]
    return Experiment(train, ["detect", f"sweep={folder}", f"start={start}", *rest], report)


def read_asked(line: list[str]) -> Asked:
    """Read and check a line, e.g. ["detect", "run=outputs/simo/<date>", "start=run,random", "data.images=100"].

    Raises:
        ConfigError: names a setting that is wrong, or a run that cannot be read.
    """
    own, rest = parted(line, OWN)
    args = read_line([line[0], *rest])
    told = given(args.overrides)
    if "resume" in told:
        return Asked([line[0], *line[1:]], [])
    starts = own.get("start", "run" if {"run", "sweep", "weights"} & {*own, *told} else "").split(",")
    if wrong := [start for start in starts if start not in STARTS]:
        hint = "run=<folder of a run> or start=random: needed" if wrong == [""] else f"start={wrong[0]}: no such start"
        raise ConfigError(f"{hint}; start is run, random or supervised, or several with commas")
    of_runs = "weights" not in told and ({"run", "sweep"} & {*own} or "run" in starts)
    found: list[Source | None] = [*sources(own)] if of_runs else [None]
    parts = [_part(*each, told, len(starts) > 1) for each in product(found, starts)]
    if len(parts) == 1 and not args.multirun:
        return Asked([line[0], *rest, *parts[0].overrides], [])
    flag, name = [] if args.multirun else ["-m"], f"detect-{digest(sorted(line[1:]))}"
    return Asked([line[0], *flag, *rest, f"sweep={name}"], parts)


def _part(source: Source | None, start: str, typed_keys: dict[str, str], several: bool) -> Part:
    """The settings of one job, and those that tell what it starts from where there are several."""
    added = {"start": start}
    if source is not None:
        stored = stored_config(source.folder)
        if typed_keys.get("data") != "coco":
            check_data(source.folder, typed_keys)
        added |= {**like(stored, typed_keys, (), "detect"), "seed": str(stored.seed)}
        added |= {"weights": str(source.folder)} if start == "run" else {}
    added |= {"backbone.pretrained": "true"} if start == "supervised" and _is_of_library(added | typed_keys) else {}
    overrides = [quoted(f"{key}={value}") for key, value in added.items() if key not in typed_keys]
    settings = source.settings if source else []
    arms = [f"arm={start}" for setting in settings if setting.startswith("arm=")]  # of an experiment's arms none of its
    told = [*(settings if start == "run" else arms), *([f"start={start}"] if several else [])]
    return Part(None, overrides, tuple(told))


def _is_of_library(told: dict[str, str]) -> bool:
    """Whether a library may have weights of the backbone that settings choose."""
    groups = tuple(f"{group}={told[group]}" for group in ("scale", "backbone") if group in told)
    with suppress(ConfigError):  # of several backbones, or of none that there is
        return "pretrained" in base(groups, "detect").backbone
    return True


def check_detect(job: list[str]) -> Checked:
    """A job of `detect`, with its scenes and its weights looked at; a ConfigError has every problem of its settings."""
    config = composed_detect(job)
    told = config.copy()
    if config.data.name == "coco":
        told.seed = 0  # one look for all seeds: such a file takes long to read
    return config, resolve_detect(config), [*_problems(OmegaConf.to_yaml(told, resolve=True))]


@lru_cache
def _problems(config: str) -> tuple[str, ...]:
    from contrastive_lab.run.detect import build_module  # here: it imports torch, which takes seconds

    node = cast(DictConfig, OmegaConf.create(config))
    try:
        build_module(node, _scenes(OmegaConf.to_yaml({key: node[key] for key in SCENES})), start=True)
    except ConfigError as error:
        return error.problems
    return ()


SCENES = ("data", "dataset", "batch_size", "seed", "plugins")


@lru_cache
def _scenes(config: str) -> Any:
    from contrastive_lab.run.scenes import build_scenes  # here: it imports torch, which takes seconds

    return build_scenes(cast(DictConfig, OmegaConf.create(config)))


def of_detect(node: dict[str, Any] | None = None) -> Kind:
    """What lines of `detect` are, whose report is that of an experiment's node, or of AP alone."""
    return Kind("detect", check_detect, node or {"y": "AP", "margin": 1.0, "curves": []})
