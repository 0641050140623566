"""How long the jobs of a sweep in one process take to start."""

import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from contrastive_lab.bench.process import OURS, check_line, ended
from contrastive_lab.bench.turns import seconds_of
from contrastive_lab.record.files import RESULT
from contrastive_lab.record.plan import read_plan
from contrastive_lab.record.speed import Outcome, Row
from contrastive_lab.run.views import VIEWS

NAME = "bench"


def run(line: Sequence[str], jobs: int, rounds: int) -> Outcome:
    """Seconds from the end of a job to the first step of the next one, and from the start of the sweep to its first.

    They are told from the times of files: a job's views.png is written as its first step begins, its result.json as it
    ends. Each round is a sweep of so many jobs over the seed.
    """
    check_line(line)
    first, others, whole = list[float](), list[float](), list[float]()
    for _ in range(rounds):
        with TemporaryDirectory() as folder:
            seeds = ",".join(map(str, range(jobs)))
            start = time.time()
            ended([*OURS, "train", "-m", *line, f"seed={seeds}", f"sweep={NAME}"], Path(folder))
            whole.append(time.time() - start)
            begun, done = times(Path(folder) / "outputs" / "sweeps" / NAME)
        first.append(begun[0] - start)
        others += [after - before for before, after in zip(done, begun[1:], strict=False)]
    cases = {"first job": first, "each job after it": others, "whole sweep": whole}
    rows = [Row(case=name, values=seconds_of(own)) for name, own in cases.items()]
    return Outcome(rows=rows, told=["s"], notes=[f"{jobs} jobs: train -m {' '.join(line)}"])


def times(sweep: Path) -> tuple[list[float], list[float]]:
    """When the jobs of a sweep began their first step, and when they were done, in their order, in seconds."""
    folders = [sweep / job.folder for job in read_plan(sweep).jobs]
    begun, done = ([(folder / name).stat().st_mtime for folder in folders] for name in (VIEWS, RESULT))
    return begun, done
