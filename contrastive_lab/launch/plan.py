"""What a multirun is going to do: its name, its folder, and a folder for each job; without torch.

A name that is none, and a folder that is taken, are a ConfigError.
"""

import fcntl
import hashlib
import os
import re
import shlex
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TextIO
from weakref import WeakSet

from omegaconf import DictConfig

from contrastive_lab.config.identity import OMITTED, conf_hash, differences, identity, within
from contrastive_lab.config.overrides import parse
from contrastive_lab.config.values import key_and_value
from contrastive_lab.errors import ConfigError, RunError
from contrastive_lab.launch.experiment import chosen, constant, given
from contrastive_lab.record.files import PLAN, RESULT
from contrastive_lab.record.plan import Job, Plan, read_plan
from contrastive_lab.record.result import Status, read_result
from contrastive_lab.record.run import has_config, stored_config, stored_overrides

QUOTES = "'\""
NAME = re.compile(r"(?!\.)[\w.+=-]+")  # of a sweep
LONGEST = 120  # characters of a job's folder
ALONE = fcntl.LOCK_EX | fcntl.LOCK_NB
LOOK = 0.05  # seconds, more than `at_work` takes
_locks = WeakSet[TextIO]()  # files that hold a folder


def sweep_name(overrides: list[str]) -> str:
    """The name asked for; else `<experiment>-<scale>`; else eight hexadecimal digits that the same line gives again."""
    values = given(overrides)
    if name := values.get("sweep", "").strip("'\""):
        if not NAME.fullmatch(name):
            raise ConfigError(f"sweep={name}: must be letters, digits and . _ - = alone")
        return name
    if experiment := values.get("experiment"):
        return f"{experiment.replace('/', '_')}-{chosen(overrides)[1]}"
    return digest(sorted(overrides))


def job_folder(overrides: list[str]) -> str:
    """A job by all that it was told but its experiment's own, e.g. "K=16,method=simo,seed=0"."""
    return folder_name(_told(overrides))


def job_folders(name: str, jobs: list[list[str]]) -> dict[str, str]:
    """The folder of each job of a sweep by its `job_folder`: what tells it from the others, e.g. "K=16,seed=0".

    A job that lies in the sweep's folder under another name keeps that, and what such a name stands for is not taken.
    """
    told = {job_folder(job): _told(job) for job in jobs}
    shared = set.intersection(*map(set, told.values())) if len(told) > 1 else set[str]()
    there, found = _stored_folders(Plan(name).folder, {*told}), dict[str, str]()
    for full, own in told.items():
        short = folder_name([override for override in own if override not in shared])
        found[full] = there.get(full) or (full if short in there.values() else short)
    return found


def _stored_folders(sweep: Path, wanted: set[str]) -> dict[str, str]:
    """The folders of a stored sweep's jobs by their `job_folder`: of its plan, and those that other lines left."""
    found = dict[str, str]()
    with suppress(ConfigError):  # without a plan, or with one that is damaged, which is told later
        found = {job_folder(job.overrides): job.folder for job in read_plan(sweep).jobs}
    if wanted <= {*found}:
        return found
    left = {job_folder(stored_overrides(run)): run.name for run in sorted(sweep.glob("*")) if has_config(run)}
    return {**left, **found}


def _told(overrides: list[str]) -> list[str]:
    """What names a job: what it was told, but for what its experiment tells all jobs, and what changes no result."""
    shared = constant(overrides)
    # The sweep's name has the scale.
    unnamed = {*OMITTED, "hydra", *(["scale"] if given(overrides).get("experiment") else [])}
    kept = [o for o in overrides if o not in shared and not within(parse([o])[0].key_or_group, unnamed)]
    return sorted(_short(o) for o in kept)


def folder_name(kept: list[str]) -> str:
    """A folder by what its job was told, with a digest in place of the end where that is long."""
    name = re.sub(r"[^\w.,=+\[\]-]", "_", ",".join(kept)) or "default"
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 9]}-{digest(kept)}"


def _short(override: str) -> str:
    """An override as part of a folder's name: of a folder with weights its last part."""
    key, value = key_and_value(override)
    return f"{key}={Path(value.strip(QUOTES)).name}" if key == "weights" else override


def plan(command: list[str], overrides: list[str], jobs: list[Job], conf: str = "") -> Plan:
    """The sweep of a command as it was typed; two equal jobs, or one without a name, are a ConfigError."""
    name, (experiment, scale) = sweep_name(overrides), chosen(overrides)
    if wrong := [
        f"{key}={value}" for key, value in given(overrides).items() if within(key, {"hydra.sweep", "hydra.run"})
    ]:
        raise ConfigError(f"{wrong[0]}: a sweep's folder is outputs/sweeps/<name>; use sweep=<name>")
    if given(overrides).get("hydra.launcher.n_jobs") == "0":
        raise ConfigError("hydra.launcher.n_jobs=0: must be 1 or more jobs at a time, or -1 for one on each core")
    if len(jobs) == 1 and not {"sweep", "experiment"} & {*given(overrides)}:
        raise ConfigError("-m: this line has one job; give a key several values, e.g. K=4,16, or leave out -m")
    if twice := [folder for folder, count in Counter(job.folder for job in jobs).items() if count > 1]:
        raise ConfigError(f"-m: two jobs are the same run, {twice[0]}; leave one out")
    return Plan(name, shlex.join(command), overrides, experiment or None, scale, jobs, conf)


def settled(overrides: list[str]) -> dict[tuple[str | None, ...], Job]:
    """The jobs of the stored sweep of some overrides that are done as they would be run now, by arm and overrides.

    There are none where the files have changed that their configurations are made of.
    """
    with suppress(ConfigError):  # of a name, and of what is damaged, which are told where they are in the way
        folder = Plan(sweep_name(overrides)).folder
        if (folder / PLAN).is_file() and (stored := read_plan(folder)).conf == conf_hash():
            return {(job.arm, *job.overrides): job for job in stored.jobs if is_done(folder, job)}
    return {}


def is_done(sweep: Path, job: Job) -> bool:
    """Whether a job of the sweep in a folder is done in the configuration that it has now."""
    result = read_result(sweep / job.folder)
    return result.status is Status.DONE and result.config_hash == job.config_hash


def conflicting_runs(sweep: Plan, configs: dict[str, DictConfig]) -> list[str]:
    """Stored runs in the way of a sweep: those in a job's folder that have another configuration, a line each."""
    problems = []
    for job in (job for job in sweep.jobs if job.folder in configs):
        folder, config = sweep.folder / job.folder, configs[job.folder]
        result = read_result(folder)
        begun = result.status is not Status.MISSING and (result.status is not Status.FAILED or has_config(folder))
        other = begun and result.config_hash != job.config_hash
        # An older version has another hash for the same configuration.
        if other and (keys := differing(folder, config)):
            problems.append(f"sweep={sweep.name}: {folder} holds another run ({keys}); choose another sweep=<name>")
    return problems


def differing(folder: Path, config: DictConfig) -> str:
    """What makes the run that is stored in a folder another one than that of a configuration; empty for the same."""
    return "; ".join(differences(identity(stored_config(folder)), identity(config)))


@lru_cache
def new_folder(parent: str) -> str:
    """Make `<parent>/<date>_<time>`, with a number behind it where another run took that second; one for each line."""
    stem = f"{datetime.now():%Y-%m-%d_%H-%M-%S}"
    for number in range(1, 1000):
        folder = Path(parent) / (stem if number == 1 else f"{stem}_{number}")
        with suppress(FileExistsError):
            folder.mkdir(parents=True)
            return str(folder)
    raise RunError(f"no free folder under {parent} for a run of {stem}")


def held(sweep: Plan) -> TextIO:
    """Write sweep.json, and hold the folder as long as the file stays open, with others that do the same jobs."""
    with suppress(ConfigError), lock(sweep.folder):
        if not _is_stored(sweep):
            sweep.write()
    file = lock(sweep.folder, fcntl.LOCK_SH)  # waits for one that is writing
    if read_plan(sweep.folder).jobs != sweep.jobs:
        file.close()
        raise ConfigError(f"sweep={sweep.name}: another process does other jobs in {sweep.folder}; choose another name")
    return file


def _is_stored(sweep: Plan) -> bool:
    """Whether sweep.json holds it, but for how the line was typed."""
    try:
        return replace(read_plan(sweep.folder), command=sweep.command) == sweep
    except ConfigError:
        return False


def has_report(sweep: Plan) -> bool:
    """Whether the report is as new as the plan and the results of all jobs."""
    page, made_of = sweep.folder / "report" / "report.html", [sweep.folder / PLAN]
    made_of += [sweep.folder / job.folder / RESULT for job in sweep.jobs]
    return page.is_file() and page.stat().st_mtime >= max(path.stat().st_mtime for path in made_of)


def at_work(folder: Path) -> bool:
    """Whether another process holds the folder of a job."""
    try:
        if (folder / ".lock").exists():
            lock(folder, fcntl.LOCK_SH | fcntl.LOCK_NB).close()  # two that look at once are not in each other's way
    except ConfigError:
        return True
    return False


def lock(folder: Path, kind: int = ALONE) -> TextIO:
    """Make the folder of a sweep or of a job and hold it for this process alone, as long as the file stays open.

    A process that is killed holds nothing any more, nor does one that was forked from it, as those that read images.
    ConfigError if another one holds it, for longer than `at_work` takes to look.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Opened to read too: a network file system has shared locks of such files alone.
    file, until = (folder / ".lock").open("a+"), time.monotonic() + (LOOK if kind == ALONE else 0)
    while True:
        try:
            fcntl.flock(file, kind)
        except OSError:
            if time.monotonic() >= until:
                file.close()
                raise ConfigError(f"another process is at work in {folder}") from None
            time.sleep(LOOK / 10)
        else:
            _locks.add(file)
            return file


def _let_go() -> None:
    """Close the files of locks in a forked process: the lock is of the open file, which both have."""
    for file in [*_locks]:
        file.close()


os.register_at_fork(after_in_child=_let_go)


def digest(lines: list[str]) -> str:
    """Eight hexadecimal digits that the same lines give again."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:8]
