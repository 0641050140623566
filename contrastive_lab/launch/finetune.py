"""Fine-tuning of stored runs: a line of `finetune` as a line of `train`, with a job for each run, share and start."""

import math
from itertools import product
from pathlib import Path
from typing import NamedTuple

from omegaconf import DictConfig, OmegaConf

from contrastive_lab.config.identity import MOVED, within
from contrastive_lab.config.names import OWNED
from contrastive_lab.config.overrides import applied, base, parse
from contrastive_lab.config.values import flat, key_and_value, typed
from contrastive_lab.errors import ConfigError
from contrastive_lab.launch.experiment import Part, given
from contrastive_lab.launch.inputs import labelled_images, read_images
from contrastive_lab.launch.line import quoted, read_line
from contrastive_lab.launch.moved import moved_config
from contrastive_lab.launch.plan import digest
from contrastive_lab.launch.script import stored_folder
from contrastive_lab.record.run import stored_config

METHOD = "method=finetune"
STARTS = ("run", "random")
FEW, LONGER = 0.01, 60  # up to this share of the labels so many epochs: Chen et al. 2020 (SimCLR), App. B.5
LEAST_STEPS = 3  # of an epoch, as 1 % of ImageNet has at SimCLR's N of 4096


class Source(NamedTuple):
    """A run to fine-tune, and what it varies in from the others of its sweep, e.g. ["K=16", "alpha=null"]."""

    folder: Path
    settings: list[str]


class Asked(NamedTuple):
    """The line of `train` that a line of `finetune` comes to; the parts of a sweep, empty for one run."""

    line: list[str]
    parts: list[Part]

    def grids(self, overrides: list[str]) -> list[Part]:
        """The parts with the overrides of the line before theirs."""
        return [part._replace(overrides=[*overrides, *part.overrides]) for part in self.parts]


def read_asked(line: list[str]) -> Asked:
    """Read and check a line, e.g. ["finetune", "run=outputs/simo/<date>", "labels=0.01,0.1"].

    Raises:
        ConfigError: names a setting that is wrong, or a run that cannot be read.
    """
    own, rest = dict[str, str](), list[str]()
    for part in line[1:]:
        key, value = key_and_value(part)
        if key in ("run", "sweep", "labels", "start"):
            own[key] = value
        else:
            rest.append(part)
    args = read_line([line[0], *rest])
    told = given(args.overrides)
    if taken := {"method", "weights", "resume", "experiment"} & {*told}:
        key = min(taken)
        raise ConfigError(f"{key}={told[key]}: finetune chooses it; leave it out")
    starts, shares = own.get("start", "run").split(","), own.get("labels", "1.0").split(",")
    if wrong := [start for start in starts if start not in STARTS]:
        raise ConfigError(f"start={wrong[0]}: must be run or random, or both with a comma")
    parts = [_part(*each, told, len(starts) > 1) for each in product(_sources(own), shares, starts)]
    if len(parts) == 1 and not args.multirun:
        return Asked([line[0], *rest, METHOD, *parts[0].overrides], [])
    flag, name = [] if args.multirun else ["-m"], f"finetune-{digest(sorted(line[1:]))}"
    return Asked([line[0], *flag, *rest, METHOD, f"sweep={name}"], parts)


def _sources(own: dict[str, str]) -> list[Source]:
    """The run of a line, or the runs of a sweep that are done, without their checkpoints looked at."""
    if ("run" in own) == ("sweep" in own):
        raise ConfigError("run=<folder of a run>, or sweep=<folder of a sweep>: needed, one of the two")
    if "run" in own:
        return [Source(stored_folder(own["run"]), [])]
    from contrastive_lab.record.sweep import read_sweep  # here: it imports pandas, which takes a second

    sweep = read_sweep(Path(own["sweep"]))
    varied = [key for key in sweep.varied if key != "seed"]
    if left := len(sweep.results) - len(sweep.done):
        print(
            f"notice: {left} of {len(sweep.results)} runs of {sweep.folder} are not done and are left out", flush=True
        )
    if sweep.done.empty:
        raise ConfigError(f"sweep={sweep.folder}: no run in it is done")
    settings = {name: [f"{key}={typed(sweep.asked[key][name])}" for key in varied] for name in sweep.done.index}
    return [Source(stored_folder(str(sweep.folder / name)), told) for name, told in settings.items()]


def _part(source: Source, share: str, start: str, typed_keys: dict[str, str], several: bool) -> Part:
    """The settings of one job, and those that tell what it starts from where there are several."""
    stored = stored_config(source.folder)
    _check_data(source.folder, typed_keys)
    added = {**_like(stored, typed_keys), "labels": share, "seed": str(stored.seed)}
    added |= {"epochs": str(LONGER)} if _is_few(share) else {}
    added |= {"weights": str(source.folder)} if start == "run" else {}
    overrides = [quoted(f"{key}={value}") for key, value in added.items() if key not in typed_keys]
    if "batch_size" not in typed_keys:
        overrides += _fitting([METHOD, *overrides, *_single(typed_keys)])
    told = [*(source.settings if start == "run" else []), *([f"start={start}"] if several else [])]
    return Part(None, overrides, tuple(told))


def _check_data(folder: Path, typed_keys: dict[str, str]) -> None:
    """Look for the data of a stored run, which are downloaded where the line says alone; a ConfigError without them."""
    if "dataset" not in typed_keys:
        places = {key: str(parse([f"x={typed_keys[key]}"])[0].value()) for key in MOVED if key in typed_keys}
        read_images(OmegaConf.to_yaml(moved_config(folder, places).dataset, resolve=True))


def _like(stored: DictConfig, typed_keys: dict[str, str]) -> dict[str, str]:
    """The settings that make scale, data set and backbone those of a stored run; none of a group that was typed."""
    order, added = ("scale", "dataset", "backbone"), dict[str, str]()
    chosen = [METHOD, *(f"{key}={typed_keys[key]}" for key in order if key in typed_keys)]
    for group in order:
        name = str(stored[group].name)
        if group not in typed_keys and name != base(tuple(chosen))[group].name:
            added[group] = name
            chosen.append(f"{group}={name}")
    groups, start = [group for group in order[1:] if group not in typed_keys], base(tuple(chosen))
    values, known = flat(stored), flat(start)
    for key in (key for key in values if within(key, ("data_dir", *groups)) and not _is_given(key)):
        if values[key] != known.get(key, ...):
            added[key if key in known else f"+{key}"] = typed(values[key])
    return added


def _is_given(key: str) -> bool:
    """Whether another setting gives a key, as weights= and start= do what a library's weights would."""
    return key.endswith("_target_") or key == "backbone.pretrained" or any(within(key, (owned,)) for owned in OWNED)


def _is_few(share: str) -> bool:
    try:
        return float(share) <= FEW
    except ValueError:  # which `train` tells
        return False


def _single(typed_keys: dict[str, str]) -> list[str]:
    """What was typed of one value each, without Hydra's own."""
    lines = [f"{key}={value}" for key, value in typed_keys.items() if not within(key, ("hydra",))]
    return [line for line in lines if not parse([line])[0].is_sweep_override()]


def _fitting(overrides: list[str]) -> list[str]:
    """A batch size with which an epoch has some steps; nothing where the scale's does, or the settings are wrong."""
    config, wrong = applied(overrides)
    if wrong or config.labels is None:
        return []
    most = 2 ** int(math.log2(max(2, labelled_images(config) // LEAST_STEPS)))
    return [f"batch_size={most}"] if most < config.batch_size else []
