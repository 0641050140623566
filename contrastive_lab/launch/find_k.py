"""How many negatives some images need: a pilot with all of them, the curve, and runs that check its answer."""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from contrastive_lab.config import SHARE
from contrastive_lab.config.overrides import applied, composed
from contrastive_lab.config.resolve import resolve
from contrastive_lab.config.values import key_and_value, points, typed
from contrastive_lab.errors import ConfigError, RunError
from contrastive_lab.launch.experiment import given
from contrastive_lab.launch.line import read_line
from contrastive_lab.launch.plan import NAME, digest
from contrastive_lab.launch.sources import parted
from contrastive_lab.program import program, variables
from contrastive_lab.record.plan import Plan, read_plan
from contrastive_lab.record.run import check_links

CURVE = SHARE / "docs" / "results" / "negatives" / "cost" / "result.json"


class Asked(NamedTuple):
    """A line of `find-k`: what is train's, and the command's own."""

    overrides: list[str]
    tolerance: float
    check: bool
    seeds: range
    out: Path
    curve: Path


def read_asked(line: Sequence[str]) -> Asked:
    """Read and check a line, e.g. ["find-k", "tolerance=0.5"].

    Raises:
        ConfigError: names a setting that is wrong.
    """
    own, rest = parted([*line], ("tolerance", "check", "seeds", "seed", "out", "curve"))
    told, seeds, seed = own.get("check", "false"), own.get("seeds", "5"), own.get("seed", "0")
    if told not in ("true", "false"):
        raise ConfigError(f"check={told}: must be true or false")
    if not (seeds.isdecimal() and int(seeds) >= 2):
        raise ConfigError(f"seeds={seeds}: must be a whole number, 2 or more")
    if not seed.isdecimal():
        raise ConfigError(f"seed={seed}: must be a whole number, the first one of all seeds")
    tolerance = points(own.get("tolerance", "1"), "tolerance")
    out = Path(own.get("out") or f"outputs/find_k/{datetime.now():%Y-%m-%d_%H-%M-%S}")
    check_links(out)
    if told == "true" and not NAME.fullmatch(name := f"find_k-{out.name}"):
        raise ConfigError(f"out={out}: check=true makes the sweep {name}, and that must be letters, digits and . _ - =")
    overrides = _with_all_negatives(read_line(["train", *rest]).overrides)
    _check(overrides)
    both = range(int(seed), int(seed) + int(seeds))
    return Asked(overrides, tolerance, told == "true", both, out, Path(own.get("curve", CURVE)))


def _with_all_negatives(overrides: list[str]) -> list[str]:
    """The settings with K = N - 1 where a batch gives that and nothing else was told.

    The yaml has it for the paper's N; a queue and a bank have as many negatives as theirs say.
    """
    config = applied(overrides)[0]
    told = "K" in given(overrides) or config.method_info.pool != "N-1"
    return overrides if told else [*overrides, f"K={config.batch_size - 1}"]


def _check(overrides: list[str]) -> None:
    """A ConfigError where `train` would not take the settings, or they leave no number of negatives to find."""
    if taken := {"hydra.run.dir", "sweep", "resume"} & {*given(overrides)}:
        raise ConfigError(*(f"{key}: find-k chooses it; out=<folder> is where all of it goes" for key in sorted(taken)))
    config = composed(overrides)
    if config.method_info.pool == "none":
        raise ConfigError(f"method={config.method_info.id}: has no negatives whose number could be found")
    if config.method_info.get("own_loss"):
        raise ConfigError(
            f"method={config.method_info.id}: has a loss of its own, of which no curve tells what K costs"
        )
    if config.remember is not None:
        raise ConfigError(f"remember={config.remember:g}: stands in place of negatives; leave it out")
    if resolve(config).K == 1:
        raise ConfigError("K=1: must be all the negatives that are at hand, or the most that you would have")


def check_kind(asked: Asked, kinds: Sequence[str]) -> None:
    """A ConfigError where the data consist of something else than what the curve was fitted to."""
    config = composed(asked.overrides)
    if (kind := resolve(config).kind) not in kinds:
        most = resolve(config).K or 255
        numbers = ",".join(map(str, sorted({1, min(16, most), most})))
        few = f"{program('train')} -m {' '.join(_without_K(asked.overrides))} K={numbers} seed=0,1,2,3,4"
        raise ConfigError(
            f"dataset={config.dataset.name}: has {kind}, and the curve is of {' and '.join(kinds)}, which says nothing "
            f"of them (docs/find_k.md); {few} tells what few negatives cost, curve=<result.json> takes another curve"
        )


def _without_K(overrides: list[str]) -> list[str]:
    return [override for override in overrides if key_and_value(override)[0] != "K"]


def train(arguments: Sequence[str]) -> None:
    """Run `train` of this package in a process of its own; a RunError if it does not come to its end."""
    line = [sys.executable, "-m", "contrastive_lab", "train", *arguments]
    code = subprocess.run(line, env={**os.environ, **variables()}, check=False).returncode
    if code:
        raise RunError(f"{program('train')} {' '.join(arguments)} ended with exit code {code}; the same line goes on")


def pilot(asked: Asked) -> Path:
    """Train with all negatives, unless it is done, and keep checkpoints along the way; returns the run's folder."""
    folder, epochs = asked.out / "pilot", int(composed(asked.overrides).epochs)
    quarters = sorted({epochs * part // 4 for part in (1, 2, 3)} - {0})
    kept = [] if "checkpoint.keep" in given(asked.overrides) else [f"checkpoint.keep={typed(quarters)}"]
    train([*asked.overrides, *kept, f"hydra.run.dir={folder}", f"seed={asked.seeds[0]}"])
    return folder


def check(asked: Asked, few: int, most: int) -> list[str]:
    """Train both numbers of negatives on paired seeds; returns the verdict of the sweep's report at the tolerance."""
    others, seeds = _without_K(asked.overrides), ",".join(map(str, asked.seeds))
    name = _sweep(asked.out, others)
    train(["-m", *others, f"K={few},{most}", f"seed={seeds}", f"sweep={name}"])
    from contrastive_lab.report import write_report  # here, so that errors need not wait for matplotlib

    page = write_report(Path("outputs/sweeps") / name, x="K", margin=asked.tolerance)
    return [*page.with_name("verdict.txt").read_text().splitlines(), f"The runs: {page}"]


def _sweep(out: Path, others: list[str]) -> str:
    """The name of the sweep of a check: of its own for each folder, but for one that an older version began."""
    name = f"find_k-{out.name}"
    with suppress(ConfigError):  # where there is none
        told = read_plan(Plan(name).folder).overrides
        if [override for override in told if key_and_value(override)[0] not in ("K", "seed", "sweep")] == others:
            return name
    return f"{name}-{digest([str(out.resolve())])}"
