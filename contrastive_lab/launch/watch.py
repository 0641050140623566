"""What the terminal says of the jobs of a multirun: each that begins or ends, how many are done, the time left."""

import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import fmean

from tqdm import tqdm

from contrastive_lab.errors import ConfigError
from contrastive_lab.launch.experiment import given
from contrastive_lab.record.files import RESULT
from contrastive_lab.record.plan import Job, Plan
from contrastive_lab.record.progress import Progress, duration, progress, time_left
from contrastive_lab.record.result import Result, Status, read_result

POLL, FIRST, EVERY = 2.0, 60.0, 600.0  # seconds between looks; before the time left is told, and between the next times
Results = Mapping[str, Result]  # by the folder of a job
# What jobs do not say themselves on this terminal; those of other launchers write to files of their own.
UNSAID = {"basic": (), "joblib": (Status.DONE, Status.FAILED, Status.INTERRUPTED)}


def running_jobs(sweep: Path, results: Results, now: float) -> dict[str, Progress]:
    """How far the jobs are that run at the time `now`, by folder; one that is stale counts as stopped."""
    running = [run for run, result in results.items() if result.status is Status.RUNNING]
    found = {run: progress(sweep / run, now, usual(results)) for run in running}
    return {run: each for run, each in found.items() if not each.stale}


def usual(results: Results) -> float | None:
    """Seconds that a job took, in the mean over those that are done."""
    seconds = [result.seconds for result in results.values() if result.status is Status.DONE and result.seconds]
    return fmean(seconds) if seconds else None


def standing(results: Results, running: Sequence[Progress], waiting: int, together: int) -> str:
    """How the jobs stand, e.g. "2 done, 1 failed, 1 running, about 10 min left"; arguments are as of `time_left`."""
    counts = {status.value: sum(each.status is status for each in results.values()) for status in Status}
    counts["running"] = len(running)
    told = [f"{counts[name]} {name}" for name in ("done", "failed", "running") if name == "done" or counts[name]]
    left = time_left(running, waiting, usual(results), together)
    return ", ".join(told if not left else [*told, f"about {duration(left)} left"])


class Watch:
    """The jobs of a sweep, as their files tell from the time on at which it was made."""

    def __init__(self, sweep: Plan) -> None:
        self.sweep, self.began = sweep, time.time()
        self.due, self.unsaid = self.began + FIRST, UNSAID.get(launcher(sweep), tuple(Status))
        self.together = 1  # at most at work at a time
        self.results = {job.folder: Result() for job in sweep.jobs}
        self.stamps, self.changed = dict.fromkeys(self.results, 0), set[str]()
        for job in sweep.jobs:
            self._read(job)
        self.changed.clear()

    def lines(self, now: float) -> list[str]:
        """What there is to say at a time: jobs that began or ended since the last, now and then the time left."""
        numbered = [(number, job) for number, job in enumerate(self.sweep.jobs, 1) if self._read(job)]
        changed = [(number, job) for number, job in numbered if self.results[job.folder].status in self.unsaid]
        told = [self._line(number, job) for number, job in changed]
        if told or now >= self.due:
            stands = self._standing(now)
            if told:
                told[-1] += f"  ({stands})"
            elif "left" in stands:
                told = [f"sweep {self.sweep.name}: {stands}"]
            self.due = now + EVERY if "left" in stands else max(self.due, now + FIRST)
        return told

    def _read(self, job: Job) -> bool:
        """Read the result of a job if that has changed, and say whether it has."""
        folder = self.sweep.folder / job.folder
        with suppress(OSError, ConfigError):  # there is none yet, or it is damaged
            stamp = (folder / RESULT).stat().st_mtime_ns
            if stamp != self.stamps.get(job.folder, 0):  # a search comes up with new jobs
                self.results[job.folder], self.stamps[job.folder] = read_result(folder), stamp
                self.changed.add(job.folder)
                return True
        return False

    def _line(self, number: int, job: Job) -> str:
        result = self.results[job.folder]
        ended = result.status in (Status.FAILED, Status.INTERRUPTED) and result.error
        why = f": {str(result.error).strip().splitlines()[-1]}" if ended else ""
        return f"job {number} of {self.sweep.total} {result.status}  {job.folder}{why}"

    def _standing(self, now: float) -> str:
        found = running_jobs(self.sweep.folder, self.results, now)
        # One that was killed before says that it runs, too; what another process runs is written to.
        here = {run: each for run, each in found.items() if run in self.changed or each.quiet < now - self.began}
        before = [run for run, result in self.results.items() if result.status is not Status.DONE]
        waiting = [run for run in before if run not in self.changed and run not in here]
        self.together, coming = max(self.together, len(here)), self.sweep.total - len(self.results)
        return standing(self.results, [*here.values()], len(waiting) + coming, self.together)


def launcher(sweep: Plan) -> str:
    """The launcher that a line asks for."""
    return given(sweep.overrides).get("hydra/launcher", "basic")


@contextmanager
def watched(sweep: Plan) -> Iterator[None]:
    """Print meanwhile how the jobs of a sweep go, from a thread."""
    watch, over = Watch(sweep), threading.Event()

    def look() -> None:
        for line in watch.lines(time.time()):
            tqdm.write(line)  # which leaves a bar of this process whole
            sys.stdout.flush()

    def follow() -> None:
        while not over.wait(POLL):
            look()
        look()

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
