"""Fine-tuning of stored runs: a line of `finetune` as a line of `train`, with a job for each run, share and start."""

import math
from itertools import product

from contrastive_lab.config.overrides import applied
from contrastive_lab.errors import ConfigError
from contrastive_lab.launch.experiment import Part, given
from contrastive_lab.launch.inputs import labelled_images
from contrastive_lab.launch.line import quoted, read_line
from contrastive_lab.launch.plan import digest
from contrastive_lab.launch.sources import Asked, Source, check_data, like, parted, single, sources
from contrastive_lab.record.run import stored_config

METHOD = "method=finetune"
STARTS = ("run", "random")
FEW, LONGER = 0.01, 60  # up to this share of the labels so many epochs: Chen et al. 2020 (SimCLR), App. B.5
LEAST_STEPS = 3  # of an epoch, as 1 % of ImageNet has at SimCLR's N of 4096


def read_asked(line: list[str]) -> Asked:
    """Read and check a line, e.g. ["finetune", "run=outputs/simo/<date>", "labels=0.01,0.1"].

    Raises:
        ConfigError: names a setting that is wrong, or a run that cannot be read.
    """
    own, rest = parted(line, ("run", "sweep", "labels", "start"))
    args = read_line([line[0], *rest])
    told = given(args.overrides)
    if taken := {"method", "weights", "resume", "experiment"} & {*told}:
        key = min(taken)
        raise ConfigError(f"{key}={told[key]}: finetune chooses it; leave it out")
    starts, shares = own.get("start", "run").split(","), own.get("labels", "1.0").split(",")
    if wrong := [start for start in starts if start not in STARTS]:
        raise ConfigError(f"start={wrong[0]}: must be run or random, or both with a comma")
    parts = [_part(*each, told, len(starts) > 1) for each in product(sources(own), shares, starts)]
    if len(parts) == 1 and not args.multirun:
        return Asked([line[0], *rest, METHOD, *parts[0].overrides], [])
    flag, name = [] if args.multirun else ["-m"], f"finetune-{digest(sorted(line[1:]))}"
    return Asked([line[0], *flag, *rest, METHOD, f"sweep={name}"], parts)


def _part(source: Source, share: str, start: str, typed_keys: dict[str, str], several: bool) -> Part:
    """The settings of one job, and those that tell what it starts from where there are several."""
    stored = stored_config(source.folder)
    check_data(source.folder, typed_keys)
    added = {**like(stored, typed_keys, (METHOD,)), "labels": share, "seed": str(stored.seed)}
    added |= {"epochs": str(LONGER)} if _is_few(share) else {}
    added |= {"weights": str(source.folder)} if start == "run" else {}
    overrides = [quoted(f"{key}={value}") for key, value in added.items() if key not in typed_keys]
    if "batch_size" not in typed_keys:
        overrides += _fitting([METHOD, *overrides, *single(typed_keys)])
    told = [*(source.settings if start == "run" else []), *([f"start={start}"] if several else [])]
    return Part(None, overrides, tuple(told))


def _is_few(share: str) -> bool:
    try:
        return float(share) <= FEW
    except ValueError:  # which `train` tells
        return False


def _fitting(overrides: list[str]) -> list[str]:
    """A batch size with which an epoch has some steps; nothing where the scale's does, or the settings are wrong."""
    config, wrong = applied(overrides)
    if wrong or config.labels is None:
        return []
    most = 2 ** int(math.log2(max(2, labelled_images(config) // LEAST_STEPS)))
    return [f"batch_size={most}"] if most < config.batch_size else []
