"""Lines of `train`, `detect` and `theory`: every job is checked before the first one starts, then Hydra runs."""

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import chain
from typing import Any

from omegaconf import OmegaConf

from contrastive_lab.compat import run_hydra
from contrastive_lab.config import CONF, options
from contrastive_lab.config.help import options_help, register_help
from contrastive_lab.config.overrides import SEARCHPATH, applied
from contrastive_lab.config.schema import register
from contrastive_lab.config.values import key_and_value
from contrastive_lab.errors import ConfigError, RunError, first_line
from contrastive_lab.imports import quickly
from contrastive_lab.launch.experiment import expand, given
from contrastive_lab.launch.follow import followed
from contrastive_lab.launch.line import check_once, read_line
from contrastive_lab.launch.own_code import PLUGINS
from contrastive_lab.launch.plan import has_report, held, is_done, job_folder, lock, new_folder
from contrastive_lab.launch.preflight import TRAIN, Kind, Parts, anew, check_started, launched, multirun, preflight
from contrastive_lab.launch.script import exit_code, help_text
from contrastive_lab.launch.search import is_named, is_search, prepared, taken_up
from contrastive_lab.launch.trials import Searched, jobs_left, outcome
from contrastive_lab.launch.watch import watched
from contrastive_lab.program import handed_on, program
from contrastive_lab.record.plan import Plan

SERVE = "serve=true"
Task = Callable[[Any], object]  # called by Hydra with the configuration of a job
Jobs = list[list[str]]  # the overrides of each


def command_line(task: Task, line: Sequence[str]) -> int:
    """Check a line of `train`, e.g. ["train", "K=16"], run the task on what it asks for, and return the exit code."""
    prepare()
    return exit_code(lambda: run_line(task, line))


def run_line(task: Task, line: Sequence[str], parts: Parts = expand, kind: Kind = TRAIN) -> None:
    """The same, with the errors raised; `parts` makes the grids of a multirun of the overrides of its line.

    `kind` is what the command's lines make.
    """
    serve, line = SERVE in line, [part for part in line if part != SERVE]
    args, sweep, searched = read_line(line), None, None
    if serve and not args.multirun:
        raise ConfigError(f"{SERVE}: with -m alone, for a sweep has a page")
    check_started(args)
    if args.help or args.hydra_help or args.cfg or args.info or args.shell_completion:  # it asks, and runs nothing
        _check_values(args, kind.primary)
    elif parts is expand and kind is TRAIN and is_search(args):
        args.overrides, searched = prepared(args, line)
    elif os.environ.get("LOCAL_RANK", "0") == "0":  # the first process checks for all
        args.overrides, sweep = preflight(line, parts, kind)
    elif {"hydra.run.dir", "resume"} & {*given(args.overrides)}:
        args.overrides = [*anew(args.overrides), "hydra.output_subdir=null"]  # .hydra is the first process's
    run = partial(run_hydra, task, args, CONF, kind.primary)
    if searched is not None:
        run_search(searched, run, serve)
    elif sweep is not None:
        run_sweep(sweep, launched(sweep), run, serve)
    else:
        run()


def theory_line(task: Task, line: Sequence[str], text: str | None) -> int:
    """The same for `theory`; `text` is printed for --help without a theory."""

    def checked() -> None:
        args = read_line(line)
        # run= and sweep= are short for the analysis' own settings.
        told = [o for o in args.overrides if key_and_value(o)[0] not in (PLUGINS, SEARCHPATH)]  # these are in force
        args.overrides = [f"theory.{o}" if key_and_value(o)[0] in ("run", "sweep") else o for o in told]
        check_once(args.overrides)
        named = "theory" in given(args.overrides)
        if args.help and not named:
            print(help_text(text, {}), options_help("theory"), sep="\n")
            return
        if not (named or args.hydra_help or args.shell_completion):
            raise ConfigError(f"theory=<name>: needed; one of {', '.join(options('theory'))}")
        _check_values(args, "theory")
        run_hydra(task, args, CONF, "theory")

    prepare()
    return exit_code(checked)


def _check_values(args: Namespace, primary: str) -> None:
    """Check keys and single values of each job of a line, not whether they can run together."""
    if args.hydra_help or args.shell_completion:
        return
    is_named(args)
    if args.multirun and (args.cfg or args.info):
        raise ConfigError("-m: not with --cfg and --info, which tell of a single job")
    jobs = multirun(args.overrides) if args.multirun else [args.overrides]
    for job in jobs:
        if problems := applied(job, primary)[1]:
            raise ConfigError(*problems)
    if args.help:
        args.overrides = jobs[0]  # Hydra composes one job's settings


def prepare() -> None:
    """Register the schema and the names of folders with Hydra; a line gets new folders of its own."""
    os.environ["HYDRA_FULL_ERROR"] = "1"
    register()
    register_help()
    new_folder.cache_clear()
    OmegaConf.register_new_resolver("new_folder", new_folder, replace=True)
    OmegaConf.register_new_resolver("job_folder", job_folder, replace=True)


def run_sweep(sweep: Plan, left: Jobs, run: Callable[[Jobs], object], serve: bool = False) -> None:
    """Run the jobs of a multirun that are left, tell how they go, with its page alive or not, and write its report.

    A RunError lists the jobs that are not done at the end.
    """
    with held(sweep):
        done = f", {len(sweep.jobs) - len(left)} done before" if len(left) < len(sweep.jobs) else ""
        print(f"sweep {sweep.name}: {len(sweep.jobs)} jobs in {sweep.folder}{done}", flush=True)
        _to_the_end(sweep, left, run, serve)


def run_search(searched: Searched, run: Callable[[Jobs], object], serve: bool = False) -> None:
    """The same of a search, whose trials are its jobs, in this process alone; it ends with the best setting."""
    with lock(searched.sweep.folder):
        searched = taken_up(searched)  # anew: another process may have been at work
        sweep, left = searched.sweep, jobs_left(searched)
        done = sum(is_done(sweep.folder, job) for job in sweep.jobs)
        first = next(left, None)
        before = f", {done} done before" if done else ""
        print(f"search {sweep.name}: {sweep.total} trials in {sweep.folder}{before}", flush=True)
        _to_the_end(sweep, () if first is None else chain([first], left), run, serve, partial(outcome, searched))


def _to_the_end(
    sweep: Plan,
    left: Iterable[list[str]],
    run: Callable[[Any], object],
    serve: bool,
    outcome: Callable[[], tuple[list[str], list[str]]] = lambda: ([], []),
) -> None:
    """Run the jobs that are left and write the report; `outcome` is what to say then, and what went wrong."""
    if serve and not left:
        page = f"{program('report')} sweep={sweep.folder} {SERVE}"
        print(f"{SERVE}: no job is left to follow; {page} serves the page", flush=True)
    if not left and has_report(sweep):
        said, problems, lines = *outcome(), list[str]()
        print(f"report     {sweep.folder / 'report' / 'report.html'}", *said, sep="\n", flush=True)
    else:
        with followed(sweep.folder) if serve and left else nullcontext(lambda: None) as stopped, handed_on():
            if left:
                _run_jobs(sweep, partial(run, left))
            stopped()
            with quickly():  # here, so that errors need not wait for torch
                from contrastive_lab.launch.jobs import report, unfinished

            problems, lines = report(sweep.folder), unfinished(sweep.folder)
        said, more = outcome()
        print(*said, sep="\n", end="\n" * bool(said), flush=True)
        problems += more
        if lines:
            problems.append(f"{len(lines)} of {sweep.total} jobs are not done; the same line goes on")
    if problems:
        raise RunError("\n  ".join([*problems, *lines]))


def _run_jobs(sweep: Plan, run: Callable[[], object]) -> None:
    try:
        with watched(sweep):
            run()
    except (KeyboardInterrupt, SystemExit):
        print(f"\nsweep {sweep.name}: interrupted; the same line goes on", file=sys.stderr)
        raise
    except Exception as error:  # of a launcher, as when a worker is killed; the jobs' own are in their results
        print(f"error: {type(error).__name__}: {first_line(error)}", file=sys.stderr)
