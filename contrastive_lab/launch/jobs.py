"""The jobs of a multirun: each is skipped, resumed or run, none ends the others, and the end is a report."""

import os
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, cast

import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from contrastive_lab.config.names import command_of, main_score
from contrastive_lab.config.overrides import SEARCHPATH, parse
from contrastive_lab.distributed import is_first
from contrastive_lab.errors import ConfigError, RunError, first_line
from contrastive_lab.imports import quickly
from contrastive_lab.launch.plan import at_work, differing, lock
from contrastive_lab.launch.prefix import prefixed
from contrastive_lab.launch.watch import running_jobs, standing
from contrastive_lab.program import named, program
from contrastive_lab.record.metrics_file import set_aside
from contrastive_lab.record.plan import read_plan
from contrastive_lab.record.provenance import unforeseen
from contrastive_lab.record.result import Status, read_result
from contrastive_lab.record.run import check_stored, has_checkpoint, has_config, store_config
from contrastive_lab.run.recorded import output_folder
from contrastive_lab.run.train import train
from contrastive_lab.waiting import alone

Run = Callable[..., float | None]  # `train`, or what else makes a run of its configuration, folder and line


def one_run(config: DictConfig, run: Run | None = None) -> float | None:
    """Run what is no job of a multirun; in a folder that holds the same run, the rest of it, or nothing if it is done.

    Returns what `run`, by default `train`, returns; its errors are the caller's. ConfigError if another run has come
    into the folder since the line was checked.
    """
    folder = output_folder()
    with lock(folder) if is_first() else nullcontext():
        if config.get("resume"):
            return (run or train)(config)
        if is_first() and has_config(folder) and (keys := differing(folder, config)):
            raise ConfigError(f"hydra.run.dir={folder}: holds another run ({keys}); choose another folder")
        return _rest(config, folder, run=run)


def sweep_job(config: DictConfig, run: Run | None = None) -> float | None:
    """Run one job of a multirun, in its own folder: nothing if it is done, the rest of it if it was interrupted.

    Returns what `run`, by default `train`, returns; None if the job failed, which its result.json then says.
    """
    folder = output_folder()
    with prefixed(_name(folder)) if _share_terminal(folder) else nullcontext():
        return _sweep_job(config, folder, run)


def _sweep_job(config: DictConfig, folder: Path, run: Run | None) -> float | None:
    if is_first():
        print(heading(folder), flush=True)
        if at_work(folder):
            print(f"           runs in another process: {folder}", flush=True)
            return None
    try:
        with lock(folder) if is_first() else nullcontext():
            share_threads(folder)
            name_logs(folder)
            return _rest(config, folder, own_line(command_of(config)), run)
    except (ConfigError, RunError) as error:
        print(f"error: {error}", file=sys.stderr)
    except Exception as error:
        print(f"error: {unforeseen(error, folder)}", file=sys.stderr)
    return None


def _rest(config: DictConfig, folder: Path, line: list[str] | None = None, run: Run | None = None) -> float | None:
    """Run what is left of the run in a folder."""
    before = read_result(folder)
    if before.status is Status.DONE:
        if is_first():
            print(f"           done before: {folder}", flush=True)
        score: float | None = before.scores.get(main_score(config))
        return score
    return (run or train)(_continued(config, folder), folder, line)


def heading(folder: Path) -> str:
    """Which job of how many this is, how the others stand, and about how long this one and those to come will take."""
    sweep, plan = folder.parent, read_plan(folder.parent)
    runs = [job.folder for job in plan.jobs]
    results, at = {run: read_result(sweep / run) for run in runs}, runs.index(folder.name)
    others = {run: each for run, each in running_jobs(sweep, results, time.time()).items() if run != folder.name}
    waiting = [run for run in runs[at:] if results[run].status is not Status.DONE and run not in others]
    coming = plan.total - len(runs)
    stands = standing(results, [*others.values()], len(waiting) + coming, len(others) + 1)
    return f"\njob {at + 1} of {plan.total}  {folder.name}  ({stands})"


def workers(folder: Path) -> int:
    """How many jobs run side by side on this machine: what joblib was told, or all with submitit_local."""
    launcher = HydraConfig.get().launcher
    if _launcher().endswith("LocalLauncher"):
        together = OmegaConf.select(cast(Any, HydraConfig.get()), "sweeper.n_jobs")  # of a search
        return int(together or len(read_plan(folder.parent).jobs))
    asked = launcher.get("n_jobs", 1)
    return int(asked) if asked > 0 else os.cpu_count() or 1


def _share_terminal(folder: Path) -> bool:
    return _launcher().endswith("JoblibLauncher") and workers(folder) > 1


def _name(folder: Path) -> str:
    """Number and name of a job, e.g. "2 simo-K4-a256-s0"; that of its folder may fill a line."""
    jobs = enumerate(read_plan(folder.parent).jobs, 1)
    return next(f"{number} {job.name}" for number, job in jobs if job.folder == folder.name)


def _launcher() -> str:
    return str(HydraConfig.get().launcher.get("_target_", ""))


def name_logs(folder: Path) -> None:
    """Where submitit keeps what a job prints in files of its own, give them names in the job's folder, log.out and err.

    They are hard links: a link of another kind that leads out of a run's folder is refused by what reads it.
    """
    if is_first() and "submitit" in _launcher():
        import submitit

        paths = submitit.JobEnvironment().paths
        for name, path in (("log.out", paths.stdout), ("log.err", paths.stderr)):
            (folder / name).unlink(missing_ok=True)
            with suppress(OSError):  # a file system without them
                (folder / name).hardlink_to(path)


def share_threads(folder: Path) -> None:
    """Divide the processor's threads among the jobs that run side by side."""
    if (several := workers(folder)) > 1:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // several))


def own_line(command: str = "train") -> list[str]:
    """The command line of this job alone."""
    kept = [o for o in parse(list(HydraConfig.get().overrides.task)) if o.key_or_group not in ("sweep", "experiment")]
    places = [o for o in HydraConfig.get().overrides.hydra if o.startswith(f"{SEARCHPATH}=")]
    return [named(command), *places, *(str(o.input_line) for o in kept)]


def _continued(config: DictConfig, folder: Path) -> DictConfig:
    """The configuration, with `resume` where the folder holds a checkpoint; else older metrics there are renamed."""
    problems = check_stored(folder)
    if problems and has_checkpoint(folder):  # they are damaged: what they hold is not thrown away without a word
        raise ConfigError(f"{problems[0]}; remove {folder / 'checkpoints'} to start anew, or choose another folder")
    if not problems:
        config = config.copy()
        OmegaConf.update(config, "resume", str(folder))
    elif is_first():
        set_aside(folder)
        # Not left to Hydra, which would write over that of a run that is done, or of another process at work there.
        store_config(folder, config, HydraConfig.get())
    return config


def unfinished(folder: Path) -> list[str]:
    """The jobs of a sweep that are not done, a line each, with what stopped them."""
    lines = []
    for job in read_plan(folder).jobs:
        result = read_result(folder / job.folder)
        if result.status is not Status.DONE:
            reason = "not started" if result.status is Status.MISSING else result.error or "stopped before its end"
            reason = "runs in another process" if at_work(folder / job.folder) else reason
            lines.append(f"{job.folder}: {reason}")
    return lines


def report(folder: Path) -> list[str]:
    """Write the report of a sweep, print where it lies, and log it where the jobs were logged to W&B.

    Returns what went wrong, a line each; nothing is raised, so that the list of unfinished jobs is still printed.
    """
    with quickly():  # here: it needs matplotlib, which a job does not
        from contrastive_lab.launch.wandb_report import log_report
        from contrastive_lab.report import write_report

    try:
        with alone(folder):
            page = write_report(folder)
        print(f"\nreport     {page}", flush=True)
        if any("logger=wandb" in job.overrides for job in read_plan(folder).jobs):
            log_report(folder)
    except Exception as error:
        again = f"{program('report')} sweep={folder}"
        return [f"no report ({type(error).__name__}: {first_line(error)}); {again} writes it"]
    return []
