"""What is checked before any work: every job of a line, and what lies in the folders it would write to."""

import os
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf

from contrastive_lab.compat import multirun_jobs
from contrastive_lab.config import CONF, folders
from contrastive_lab.config.detect import reads_dataset
from contrastive_lab.config.devices import devices
from contrastive_lab.config.identity import MOVED, PROCESSES, conf_hash, moved, within
from contrastive_lab.config.names import command_of
from contrastive_lab.config.overrides import SEARCHPATH, applied, composed, parse
from contrastive_lab.config.resolve import Resolved, other_processes, resolve
from contrastive_lab.errors import ConfigError
from contrastive_lab.launch.experiment import Part, expand, given, load
from contrastive_lab.launch.inputs import (
    image_problems,
    of_user,
    other_images,
    read_images,
    read_splits,
    weights_problems,
)  # fmt: skip
from contrastive_lab.launch.line import read_line
from contrastive_lab.launch.moved import moved_config
from contrastive_lab.launch.own_code import PLUGINS
from contrastive_lab.launch.plan import (
    conflicting_runs,
    differing,
    is_done,
    job_folder,
    job_folders,
    plan,
    settled,
    sweep_name,
)
from contrastive_lab.program import front, program
from contrastive_lab.record.plan import Job, Plan, read_plan
from contrastive_lab.record.run import check_resume, has_config, stored_config

Parts = Callable[[list[str]], list[Part]]
Checked = tuple[DictConfig, Resolved, list[str]]  # a job, what follows from it, and what is wrong with what it reads
KEPT = ("resume", PLUGINS, SEARCHPATH)  # what is said of a resumed run itself
DISTRIBUTED_MULTIRUN = (  # Lightning would start the whole sweep again in every further process
    "strategy=ddp with -m: this launcher cannot; either one run after the other, for K in 4 16 64; do {} "
    "K=$K strategy=ddp; done, or a cluster's processes: hydra/launcher=submitit_slurm strategy=ddp"
)


def check_train(job: list[str]) -> Checked:
    """A job of `train`; a ConfigError has every problem of its settings."""
    config = composed(job)
    return config, resolve(config), [*image_problems(config), *weights_problems(config)]


class Kind(NamedTuple):
    """What the lines of a command make: the primary configuration, the check of a job, the node of a sweep's report."""

    primary: str = "config"
    check: Callable[[list[str]], Checked] = check_train
    experiment: dict[str, Any] | None = None
    typed: tuple[str, ...] = ()  # the user's line, where what is run is another one that it comes to

    @property
    def command(self) -> str:
        """The command."""
        return "train" if self.primary == "config" else self.primary


TRAIN = Kind()


def check_started(args: Namespace) -> None:
    """Check that a line can run in the processes that torchrun started: one run, in a folder that all of them know."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return
    if args.multirun:
        raise ConfigError(DISTRIBUTED_MULTIRUN.format(program("train")))
    if not {"hydra.run.dir", "resume"} & {*given(args.overrides)}:
        raise ConfigError("hydra.run.dir=<folder>: needed with several processes, so that all of them use the same one")


def preflight(line: Sequence[str], parts: Parts = expand, kind: Kind = TRAIN) -> tuple[list[str], Plan | None]:
    """Check every job of a line of a kind; returns the overrides for Hydra, and the sweep, None for one run.

    An experiment, a sweep's name and a resumed run add overrides to those typed. `parts` makes the grids of a multirun
    of the overrides of its line. A ConfigError has every problem of every job, each once.
    """
    overrides: list[str] = (args := read_line(line)).overrides
    read_images.cache_clear()  # images may have come since an earlier line
    if "resume" in given(overrides):
        return _resumed(overrides, kind), None
    if args.multirun:
        return _planned(overrides, line, parts(overrides), kind)
    asked = {key: given(overrides).get(key) for key in ("experiment", "sweep")}
    if several := [f"{key}={name}" for key, name in asked.items() if name and (key == "sweep" or load(name))]:
        raise ConfigError(f"{several[0]}: for several runs; {program('train')} -m {several[0]}")
    (config, _, problems), folder = kind.check(overrides), Path(_unquoted(given(overrides).get("hydra.run.dir", "''")))
    problems, taken = [*problems, *_writable(folder)], "hydra.run.dir" in given(overrides) and has_config(folder)
    if taken and (keys := differing(folder, config) or other_images(folder, config)):
        problems.append(f"hydra.run.dir={folder}: holds another run ({keys}); choose another folder")
    elif taken and {"strategy", "strategy.devices"} & {*given(overrides)}:  # else those of the stored run hold
        problems += other_processes(stored_config(folder), config)
    if problems:
        raise ConfigError(*problems)
    return [*overrides, "hydra.output_subdir=null"], None  # .hydra is written by the process that works there


def _planned(overrides: list[str], line: Sequence[str], parts: list[Part], kind: Kind) -> tuple[list[str], Plan]:
    """Check all jobs of a multirun and what lies in their folders."""
    found, problems = dict[tuple[Any, ...], Job](), dict[str, None]()
    told = parts[0].overrides if len(parts) == 1 else overrides
    done, configs = settled(told), dict[str, DictConfig]()  # by folder, of those that are not known to be done
    for (arm, _, start), job in [(part, job) for part in parts for job in multirun(part.overrides)]:
        try:
            config, resolved = (None, None) if (arm, *job) in done else checked(job, kind)
        except ConfigError as error:
            problems.update(dict.fromkeys(error.problems))
            continue
        found_job = done[arm, *job] if resolved is None else _job(arm, job, resolved, start)
        # Two grids of an arm may share a job; for two arms, or in one grid, it is an error, which `plan` tells.
        found.setdefault((found_job.folder, arm) if len(parts) > 1 else (len(found),), found_job)
        configs |= {} if config is None else {found_job.folder: config}
    if problems:
        raise ConfigError(*problems)
    names = job_folders(sweep_name(told), [job.overrides for job in found.values()])
    found = {key: replace(job, folder=names[job_folder(job.overrides)]) for key, job in found.items()}
    configs = {names[full]: config for full, config in configs.items()}
    conf = "" if any(map(of_user, configs.values())) else conf_hash()
    sweep = plan([*front(), *(kind.typed or line)], told, [*found.values()], conf)
    sweep = replace(sweep, experiment=kind.experiment or sweep.experiment)
    check_folders(sweep, configs)
    # Hydra's own alone: it composes them without what jobs vary, and a key may be of an option that these choose. A job
    # keeps its .hydra when it goes on.
    return [*filter(_of_hydra, overrides), named(sweep), "hydra.output_subdir=null"], sweep


def check_folders(sweep: Plan, configs: dict[str, DictConfig]) -> None:
    """A ConfigError of what lies in the folder of a sweep and is in its way, by the configuration of each job's."""
    conflicts = conflicting_runs(sweep, configs)
    for folder, config in ((sweep.folder / name, config) for name, config in configs.items()):
        if others := other_images(folder, config):
            conflicts.append(f"sweep={sweep.name}: {folder} holds a run of other images ({others}); choose another")
    with suppress(ConfigError):  # without a plan
        if sweep.search is None and read_plan(sweep.folder).search is not None:
            conflicts.append(f"sweep={sweep.name}: {sweep.folder} holds a search; choose another sweep=<name>")
    if conflicts:
        raise ConfigError(*conflicts)


def checked(job: list[str], kind: Kind = TRAIN) -> tuple[DictConfig, Resolved]:
    """The configuration of a job that can run, with its images; a ConfigError has every problem found."""
    config, resolved, problems = kind.check(job)
    if problems:
        raise ConfigError(*problems)
    if resolved.processes > 1 and "hydra/launcher=submitit_slurm" not in job:
        raise ConfigError(DISTRIBUTED_MULTIRUN.format(program("train")))
    return config, resolved


def _job(arm: str | None, job: list[str], resolved: Resolved, start: tuple[str, ...]) -> Job:
    return Job(job_folder(job), resolved.name, job, resolved.hash, arm, [*start])


def named(sweep: Plan) -> str:
    """The override with a sweep's name, in quotes, as 83e55427 would be a number."""
    return f"sweep='{sweep.name}'"


def launched(sweep: Plan) -> list[list[str]]:
    """The overrides of each job that is not done as Hydra's launcher takes them: with the names of sweep and folder.

    Hydra's own are left out, as they hold already.
    """
    return [as_launched(sweep, job) for job in sweep.jobs if not is_done(sweep.folder, job)]


def as_launched(sweep: Plan, job: Job) -> list[str]:
    """The overrides of a job as `launched` has them."""
    own = [o for o in job.overrides if not (_of_hydra(o) or within(parse([o])[0].key_or_group, {"sweep"}))]
    return [*own, named(sweep), f"hydra.sweep.subdir='{job.folder}'"]


def _of_hydra(override: str) -> bool:
    return within(parse([override])[0].key_or_group, {"hydra"})


def _writable(folder: Path) -> Iterator[str]:
    """Why the folder of a run cannot be made, by making one in what lies above it, and taking it away again."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        TemporaryDirectory(dir=there).cleanup()
    except OSError:
        yield f"hydra.run.dir={folder}: cannot be made in {there}; choose another folder"


def multirun(overrides: list[str]) -> list[list[str]]:
    """The jobs of a multirun, as Hydra expands them: at least one."""
    if jobs := multirun_jobs(overrides, CONF, folders()[1:]):
        return jobs
    raise ConfigError("-m: this line makes no job; a glob(...) in it matches no option")


def _unquoted(value: str) -> str:
    """A value as Hydra reads it."""
    return str(parse([f"x={value}"])[0].value())


def _resumed(overrides: list[str], kind: Kind) -> list[str]:
    """Check a `resume=<folder>` and let Hydra work in that folder, leaving the run's own .hydra as it is."""
    values = given(overrides)
    if others := [f"{key}={v}" for key, v in values.items() if not within(key, (*KEPT, *MOVED, *PROCESSES))]:
        raise ConfigError(f"resume takes the run's own configuration; leave out {', '.join(others)}")
    if problems := check_resume(Path(folder := _unquoted(values["resume"]))):
        raise ConfigError(*problems)
    config = moved_config(Path(folder), {key: _unquoted(values[key]) for key in MOVED if key in values})
    if (command := command_of(config)) != kind.command:
        raise ConfigError(f"resume={folder}: is a run of {command}; {program(command)} resume={folder} goes on")
    if other := other_images(Path(folder), config):
        raise ConfigError(f"resume={folder}: the run had other images ({other}); start it anew in another folder")
    if reads_dataset(config):  # ends where it has gone
        (read_images if of_user(config) else read_splits)(OmegaConf.to_yaml(config.dataset, resolve=True))
    told = [f"{key}={value}" for key, value in values.items() if within(key, PROCESSES)]
    if told and (problems := _processes(stored_config(Path(folder)), told)):
        raise ConfigError(*problems)
    return [*anew(overrides), f"hydra.run.dir={values['resume']}", "hydra.output_subdir=null"]


def _processes(stored: DictConfig, told: list[str]) -> list[str]:
    """What keeps a stored run from going on in the processes that were told."""
    config, problems = applied(told)
    config = moved(stored, {key: OmegaConf.select(config, key) for key in given(told)})
    return problems or [*devices(config), *other_processes(stored, config)]


def anew(overrides: list[str]) -> list[str]:
    """Overrides of a resumed run; the data set of the line, which is not the run's, may lack what is given anew."""
    values = given(overrides)
    if "resume" not in values:
        return overrides
    return [f"{'++' * key.startswith(('dataset.', 'data.'))}{key}={value}" for key, value in values.items()]
