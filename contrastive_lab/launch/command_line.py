"""What stands around `train.py`: every job is checked before the first one starts, and errors are single lines."""

import os
import sys
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import create_config_search_path, get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf

from contrastive_lab.config import CONF
from contrastive_lab.config.check import processes
from contrastive_lab.config.overrides import applied, composed
from contrastive_lab.config.schema import register
from contrastive_lab.errors import ConfigError, RunError, first_line
from contrastive_lab.launch.experiment import expand, given
from contrastive_lab.launch.plan import Sweep, conflicting_runs, job_folder, lock, plan
from contrastive_lab.record.run import check_resume

DISTRIBUTED_MULTIRUN = (  # Lightning would start the whole sweep again in every further process
    "strategy=ddp with -m: this launcher cannot; either one run after the other, for K in 4 16 64; do python train.py "
    "K=$K strategy=ddp; done, or a cluster's processes: hydra/launcher=submitit_slurm strategy=ddp"
)


def command_line(task: Callable[[], object]) -> int:
    """Check the line, run a task decorated by `hydra.main`, and return the exit code."""
    prepare()

    def checked() -> None:
        check_started(sys.argv[1:])
        # the first process checks for all
        sweep = preflight(sys.argv[1:]) if os.environ.get("LOCAL_RANK", "0") == "0" else None
        if sweep is None:
            task()
        else:
            run_sweep(sweep, task)

    return exit_code(checked)


def theory_line(task: Callable[[], object]) -> int:
    """The same for `scripts/theory.py`, where `run=` and `sweep=` are short for the experiment's own dials."""
    prepare()
    sys.argv[1:] = [f"theory.{a}" if a.startswith(("run=", "sweep=")) else a for a in sys.argv[1:]]

    def checked() -> None:
        args = get_args_parser().parse_args(sys.argv[1:])
        if not (args.help or args.hydra_help or args.cfg or args.info):
            _check_theory(args.overrides, args.multirun)
        task()

    return exit_code(checked)


def _check_theory(overrides: list[str], multirun: bool) -> None:
    names = ", ".join(sorted(path.stem for path in (CONF / "theory").glob("*.yaml")))
    if not any(o.startswith("theory=") for o in overrides):
        raise ConfigError(f"theory=<name>: needed; one of {names}")
    for job in _jobs(overrides) if multirun else [overrides]:
        _, problems = applied(job, CONF, "theory")
        if problems:
            raise ConfigError(*problems)


def prepare() -> None:
    """Tell Hydra the schema and the folder names."""
    os.environ["HYDRA_FULL_ERROR"] = "1"
    register()
    OmegaConf.register_new_resolver("new_folder", new_folder, replace=True)
    OmegaConf.register_new_resolver("job_folder", job_folder, replace=True)


def exit_code(task: Callable[[], object]) -> int:
    """Run a task: 0 if all went well, 1 if it failed, 2 if it was refused before any work, 130 if it was stopped.

    Errors are single lines.
    """
    try:
        task()
        return 0
    except ConfigError as error:
        for problem in error.problems:
            print(f"error: {problem}", file=sys.stderr)
        return 2
    except RunError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def check_started(arguments: list[str]) -> None:
    """Refuse what cannot work in one of several processes that were started by torchrun.

    Raises:
        ConfigError: for a multirun, and without a folder that all processes are told.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return
    args = get_args_parser().parse_args(arguments)
    if args.multirun:
        raise ConfigError(DISTRIBUTED_MULTIRUN)
    if not any(o.startswith(("hydra.run.dir=", "resume=")) for o in args.overrides):
        raise ConfigError("hydra.run.dir=<folder>: needed with several processes, so that all of them use the same one")


def preflight(arguments: list[str]) -> Sweep | None:
    """Check every job of a command line; a multirun gets its name and what its experiment says.

    Raises:
        ConfigError: with every problem of every job, each once.
    """
    args = get_args_parser().parse_args(arguments)
    if args.help or args.hydra_help or args.cfg or args.info or args.shell_completion:
        return None
    if any(o.startswith("resume=") for o in args.overrides):
        _preflight_resume(args.overrides)
        return None
    if not args.multirun:
        for key in ("experiment", "sweep"):
            if name := given(args.overrides).get(key):
                raise ConfigError(f"{key}={name}: for several runs; python train.py -m {key}={name}")
        composed(args.overrides, CONF)
        return None
    return _preflight_sweep(args.overrides)


def _preflight_sweep(overrides: list[str]) -> Sweep:
    """Check all jobs and what lies in their folders, and put the whole of the overrides into sys.argv."""
    expanded = expand(overrides)
    jobs, problems = [], dict[str, None]()
    for job in _jobs(expanded):
        try:
            config = composed(job, CONF)
            if processes(config) > 1 and "hydra/launcher=submitit_slurm" not in job:
                problems[DISTRIBUTED_MULTIRUN] = None
            jobs.append((job, config))
        except ConfigError as error:
            problems.update(dict.fromkeys(error.problems))
    if problems:
        raise ConfigError(*problems)
    sweep = plan([Path(sys.executable).name, *sys.argv], expanded, jobs)
    if problems := dict.fromkeys(conflicting_runs(sweep, [config for _, config in jobs])):
        raise ConfigError(*problems)
    # A name in quotes stays one, as 83e55427 would not; a job keeps its .hydra when it is done or goes on.
    sys.argv += [*expanded[len(overrides) :], f"sweep='{sweep.name}'", "hydra.output_subdir=null"]
    return sweep


def run_sweep(sweep: Sweep, task: Callable[[], object]) -> None:
    """Run the jobs of a multirun and write its report.

    Raises:
        RunError: if any job is not done at the end, with the list of these.
    """
    with lock(sweep.folder):
        sweep.write()
        print(f"sweep {sweep.name}: {len(sweep.jobs)} jobs in {sweep.folder}", flush=True)
        try:
            task()
        except (KeyboardInterrupt, SystemExit):
            print(f"\nsweep {sweep.name}: interrupted; the same line goes on", file=sys.stderr)
            raise
        except Exception as error:  # of a launcher, as when a worker is killed; the jobs' own are in their results
            print(f"error: {type(error).__name__}: {first_line(error)}", file=sys.stderr)
        from contrastive_lab.launch.jobs import report, unfinished  # here, so that errors need not wait for torch

        problems = report(sweep.folder)
        if left := unfinished(sweep.folder):
            problems.append(f"{len(left)} of {len(sweep.jobs)} jobs are not done; the same line goes on")
    if problems:
        raise RunError("\n  ".join([*problems, *left]))


def _jobs(overrides: list[str]) -> list[list[str]]:
    """The jobs of a multirun, as Hydra's own sweeper expands them."""
    try:
        loader = ConfigLoaderImpl(create_config_search_path(str(CONF)))  # it knows what glob(*) stands for
        parsed = OverridesParser.create(loader).parse_overrides(overrides)
        batches = BasicSweeper.split_arguments(parsed, max_batch_size=None)
    except HydraException as error:
        raise ConfigError(first_line(error)) from None
    jobs = [list(job) for batch in batches for job in batch]
    if not jobs:
        raise ConfigError("-m: this line makes no job; a glob(...) in it matches no option")
    return jobs


def _preflight_resume(overrides: list[str]) -> None:
    """Check a `resume=<folder>` and let Hydra work in that folder, leaving the run's own .hydra as it is."""
    others = [o for o in overrides if not o.startswith("resume=")]
    if others:
        raise ConfigError(f"resume takes the run's own configuration; leave out {', '.join(others)}")
    folder = overrides[0].removeprefix("resume=").strip("'\"")
    if problems := check_resume(Path(folder)):
        raise ConfigError(*problems)
    sys.argv += [f"hydra.run.dir='{folder}'", "hydra.output_subdir=null"]


@lru_cache
def new_folder(parent: str) -> str:
    """Make `<parent>/<date>_<time>`, with a number behind it where another run took that second; never shared."""
    stem = f"{datetime.now():%Y-%m-%d_%H-%M-%S}"
    for number in range(1, 1000):
        folder = Path(parent) / (stem if number == 1 else f"{stem}_{number}")
        try:
            folder.mkdir(parents=True)
            return str(folder)
        except FileExistsError:
            continue
    raise RunError(f"no free folder under {parent} for a run of {stem}")
