"""The trials of a search: what came out of each, and what comes next; they are the jobs of a sweep.

Nothing is kept beside the files of that sweep: sweep.json has the trials in their order, the folders of these what came
out. The next trial is a function of them, so that a search which goes on is what it would have been.
"""

import math
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contrastive_lab.config.identity import within
from contrastive_lab.config.overrides import SEARCHPATH
from contrastive_lab.config.search import NODE, Search
from contrastive_lab.config.values import key_and_value
from contrastive_lab.errors import ConfigError
from contrastive_lab.launch.plan import folder_name, is_done
from contrastive_lab.launch.preflight import as_launched, checked
from contrastive_lab.launch.space import Parameter
from contrastive_lab.launch.suggest import Trial, suggested
from contrastive_lab.program import program
from contrastive_lab.record.files import METRICS
from contrastive_lab.record.plan import Job, Plan
from contrastive_lab.record.result import Result, Status, read_result

SEEDS = 3  # with which the best setting is run again


@dataclass(frozen=True)
class Searched:
    """A search: its settings, its space by key, what all trials are told, and the sweep that its trials make."""

    search: Search
    space: dict[str, Parameter]
    fixed: list[str]
    sweep: Plan

    def job(self, texts: dict[str, str]) -> list[str]:
        """The overrides of a trial."""
        return [*self.fixed, *(f"{key}={text}" for key, text in texts.items())]

    def texts(self, job: Job) -> dict[str, str]:
        """The values of a trial, as typed, by key."""
        told = dict(map(key_and_value, job.overrides))
        return {key: told[key] for key in self.space}

    def value(self, job: Job) -> float | None:
        """What came out of a trial; None if it is not done, or the metric has no finite value."""
        done = is_done(self.sweep.folder, job)
        return _measured(self.sweep.folder / job.folder, str(self.search.metric)) if done else None

    def best(self) -> tuple[Job, float] | None:
        """The trial with the best value, the first of equal ones; None if none has a value."""
        found = [(job, value) for job in self.sweep.jobs if (value := self.value(job)) is not None]
        sign = 1 if self.search.direction == "maximize" else -1
        return max(found, key=lambda each: sign * each[1], default=None)


def _measured(run: Path, metric: str) -> float | None:
    """A score of a run's result.json, or the last value that it logged; None if there is none that is finite."""
    value = read_result(run).flat().get(metric)
    if value is None:
        from contrastive_lab.record.tables import read_logged  # here: it imports pandas, which takes half a second

        value = read_logged(run / METRICS).last.get(metric)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def jobs_left(searched: Searched) -> Iterator[list[str]]:
    """The trials as Hydra's launcher takes them: those begun before, then new ones, each written to sweep.json first.

    The next one is made when it is asked for, of what came out until then. There are no more once a trial is done that
    has no value of the metric.
    """
    sweep, search = searched.sweep, searched.search
    for job in [*sweep.jobs]:
        if not is_done(sweep.folder, job) and _can_run(searched, job):
            sweep.write()
            yield as_launched(sweep, job)
    while len(sweep.jobs) < search.n_trials and not _unmeasured(searched):
        texts = suggested(searched.space, [_trial(searched, job) for job in sweep.jobs], search)
        overrides = searched.job(texts)
        job = _new_job(overrides, [f"{key}={text}" for key, text in texts.items()])
        sweep.jobs.append(job)
        sweep.write()
        if _can_run(searched, job):
            yield as_launched(sweep, job)


def _new_job(overrides: list[str], texts: list[str]) -> Job:
    folder = folder_name(sorted(texts))
    try:
        resolved = checked(overrides)[1]
    except ConfigError:  # told by `_can_run`
        return Job(folder, folder, overrides, "")
    return Job(folder, resolved.name, overrides, resolved.hash)


def _can_run(searched: Searched, job: Job) -> bool:
    """Whether the settings of a trial go together; else its result says why not, and it counts as one that failed."""
    try:
        checked(job.overrides)
    except ConfigError as error:
        folder = searched.sweep.folder / job.folder
        folder.mkdir(parents=True, exist_ok=True)
        Result(Status.FAILED, error=str(error)).write(folder)
        return False
    return True


def _trial(searched: Searched, job: Job) -> Trial:
    value, status = searched.value(job), read_result(searched.sweep.folder / job.folder).status
    ended = status in (Status.DONE, Status.FAILED)
    return Trial(searched.texts(job), value, running=not ended)


def _unmeasured(searched: Searched) -> bool:
    """Whether trials are done and none of them has a value."""
    return any(is_done(searched.sweep.folder, job) for job in searched.sweep.jobs) and searched.best() is None


def outcome(searched: Searched) -> tuple[list[str], list[str]]:
    """What to say at the end: the best setting with the line that runs it with other seeds, and what went wrong."""
    search, sweep = searched.search, searched.sweep
    if (best := searched.best()) is None:
        names = _logged(sweep) if _unmeasured(searched) else []
        return [], [f"{NODE}.metric={search.metric}: no trial has it; there are {', '.join(names)}"] if names else []
    job, value = best
    most = "highest" if search.direction == "maximize" else "lowest"
    kept = [o for o in job.overrides if key_and_value(o)[0] == SEARCHPATH or not within(key_and_value(o)[0], {"hydra"})]
    seed = int(dict(map(key_and_value, kept)).get("seed", "0"))
    line = shlex.join(o for o in kept if key_and_value(o)[0] != "seed")
    seeds = ",".join(str(seed + 1 + more) for more in range(SEEDS))
    tried = sum(searched.value(each) is not None for each in sweep.jobs)
    return [
        f"\nbest       {job.folder}: {search.metric} = {value:g}, the {most} of {tried} trials; picked as that, it is",
        f"           likely to flatter. With other seeds: {program('train')} -m {line} seed={seeds}",
    ], []


def _logged(sweep: Plan) -> list[str]:
    """The metrics that the first trial that is done has a number of."""
    from contrastive_lab.record.tables import read_logged

    run = next(sweep.folder / job.folder for job in sweep.jobs if is_done(sweep.folder, job))
    scores = {name: value for name, value in read_result(run).scores.items() if isinstance(value, int | float)}
    return sorted({*scores, *read_logged(run / METRICS).last})
