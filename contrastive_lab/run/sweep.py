"""The jobs of a multirun: each is skipped, resumed or run, none ends the others, and the end is a report."""

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from contrastive_lab.config.errors import RunError
from contrastive_lab.config.experiment import given
from contrastive_lab.config.stored import check_stored
from contrastive_lab.config.sweep import stored
from contrastive_lab.run.train import output_folder, train


def sweep_job(config: DictConfig) -> float | None:
    """Run one job of a multirun, in its own folder: nothing if it is done, the rest of it if it was interrupted.

    Returns:
        What `train` returns; None if the job failed, which its result.json then says.
    """
    folder = output_folder()
    print(heading(folder), flush=True)
    before = stored(folder)
    if before.get("status") == "done":
        print("           done before", flush=True)
        top1: float | None = before.get(f"{config.evaluation.name}_top1")
        return top1
    share_threads()
    argv, sys.argv = sys.argv, _own_line()
    try:
        return train(_continued(config, folder), folder)
    except RunError as error:
        print(f"error: {error}", file=sys.stderr)
    except Exception as error:
        (folder / "traceback.txt").write_text(traceback.format_exc())
        print(f"error: {type(error).__name__}: {error} (traceback.txt in {folder})", file=sys.stderr)
    finally:
        sys.argv = argv
    return None


def heading(folder: Path) -> str:
    """Which job of how many this is, how the others stand, and about how long they will take."""
    jobs = json.loads((folder.parent / "sweep.json").read_text())["jobs"]
    results = [stored(folder.parent / job["folder"]) for job in jobs]
    number = [job["folder"] for job in jobs].index(folder.name) + 1
    done = [result for result in results if result.get("status") == "done"]
    failed = sum(result.get("status") == "failed" for result in results)
    facts = [f"{len(done)} done", *([f"{failed} failed"] if failed else [])]
    if done and len(done) < len(jobs):
        mean = sum(result["seconds"] for result in done) / len(done)
        facts.append(f"about {_minutes(mean * (len(jobs) - len(done)) / workers())} left")
    return f"\njob {number} of {len(jobs)}  {folder.name}  ({', '.join(facts)})"


def workers() -> int:
    """How many jobs run side by side on this machine."""
    asked = HydraConfig.get().launcher.get("n_jobs", 1)
    return int(asked) if asked > 0 else os.cpu_count() or 1


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def share_threads() -> None:
    """Divide the processor's threads among the jobs that run side by side."""
    if workers() > 1:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // workers()))


def _own_line() -> list[str]:
    """The command line of this job alone."""
    task = list(HydraConfig.get().overrides.task)
    return ["train.py", *(line for line in task if not given([line]).keys() & {"sweep", "experiment"})]


def _continued(config: DictConfig, folder: Path) -> DictConfig:
    """The configuration, with `resume` where the folder holds a checkpoint; else what a run left there steps aside."""
    if not check_stored(folder):
        config = config.copy()
        OmegaConf.update(config, "resume", str(folder))
    elif (metrics := folder / "metrics.csv").exists():
        number = 1 + len(list(folder.glob("metrics.*.csv")))
        metrics.rename(folder / f"metrics.{number}.csv")
    return config


def unfinished(folder: Path) -> list[str]:
    """The jobs of a sweep that are not done, a line each, with what stopped them."""
    jobs: list[dict[str, Any]] = json.loads((folder / "sweep.json").read_text())["jobs"]
    lines = []
    for job in jobs:
        result = stored(folder / job["folder"])
        if result.get("status") != "done":
            reason = result.get("error") or "stopped before its end"
            lines.append(f"{job['folder']}: {reason if result else 'not started'}")
    return lines


def report(folder: Path) -> list[str]:
    """Write the report of a sweep and say where it lies.

    Returns:
        Jobs that are not done, a line each.
    """
    from contrastive_lab.report import write_report  # here: it needs matplotlib, which a job does not

    page = write_report(folder)
    print(f"\nreport     {page}", flush=True)
    if any("logger=wandb" in job["overrides"] for job in json.loads((folder / "sweep.json").read_text())["jobs"]):
        from contrastive_lab.run.wandb_report import log_report

        log_report(folder)
    return unfinished(folder)
