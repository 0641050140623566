"""How far a running job is, by the times and the last lines of the files in its folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from contrastive_lab.config.resolve import epoch_steps, run_steps
from contrastive_lab.errors import ConfigError
from contrastive_lab.record.files import COMMAND, METRICS, RESULT
from contrastive_lab.record.run import stored_config

if TYPE_CHECKING:
    import pandas as pd

TAIL = 16384  # bytes of metrics.csv, some dozens of rows
QUIET = 600.0  # seconds without a sign after which a job may be stale
INTERVALS = 20  # the same in logging intervals


@dataclass(frozen=True)
class Progress:
    """A running job; None for what is not known."""

    epoch: int | None  # the present one, from 1
    step: int  # optimizer steps done, as far as they are logged
    steps: int | None  # of all epochs
    loss: float | None  # the last one logged, nats
    elapsed: float  # seconds since it began, or went on
    left: float | None  # seconds of training
    quiet: float  # seconds since it last wrote to its folder
    stale: bool  # quiet for 10 minutes, 20 logging intervals, and in the final evaluation as long as its training took


def progress(run: Path, now: float, usual: float | None = None) -> Progress:
    """How far the job in a folder is at the time `now`; `usual` are the seconds that others took."""
    began, rows = _written(run / RESULT), last_rows(run / METRICS)
    wrote = max(began, _written(run / METRICS))
    logged = {name: rows[name].dropna() for name in ("step", "epoch", "loss") if name in rows}
    last = {name: float(values.iloc[-1]) for name, values in logged.items() if len(values)}
    step, steps = int(last.get("step", -1)) + 1, planned_steps(run, began)
    resumed = len(_lines(run / COMMAND)) > 1
    seconds = None if resumed or not step else (wrote - began) / step  # of a step
    every = float(logged["step"].drop_duplicates().diff().median()) if step else 0.0
    patience = max(QUIET, INTERVALS * every * seconds if seconds and every > 0 else 0.0)
    if step == steps:
        patience = max(patience, wrote - began)
    return Progress(
        epoch=int(last["epoch"]) + 1 if "epoch" in last else None,
        step=step,
        steps=steps,
        loss=last.get("loss"),
        elapsed=now - began,
        left=_left(step, steps, seconds, now - began, usual),
        quiet=now - wrote,
        stale=now - wrote > patience,
    )


def time_left(running: Sequence[Progress], waiting: int, usual: float | None, together: int) -> float | None:
    """Seconds until all jobs of a sweep are over; None if there is none, or as long as nothing tells.

    Args:
        running: those that are at work.
        waiting: how many have yet to begin.
        usual: seconds that a job takes; None takes the mean of what the running ones have taken and have left.
        together: how many are at work at a time.
    """
    told = [each.elapsed + each.left for each in running if each.left is not None]
    known = usual if usual is not None else fmean(told) if told else None
    if known is None or not (running or waiting):
        return None
    overdue = 0.0 if usual is not None else known  # of a job that does not tell: it has taken longer, or just begun
    left = [overdue if each.left is None else each.left for each in running]
    return max(*left, (sum(left) + waiting * known) / together, 0.0)


def duration(seconds: float) -> str:
    """A time in its largest unit, e.g. "40 s", "12 min", "3.5 h"."""
    if seconds < 90:
        return f"{max(0, seconds):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _left(step: int, steps: int | None, seconds: float | None, elapsed: float, usual: float | None) -> float | None:
    """Seconds left: by the run's own speed, else by what other runs took."""
    if steps is not None and seconds is not None:
        return max(0, steps - step) * seconds
    if usual is None:
        return None
    left = usual * (1 - step / steps) if steps else usual - elapsed
    return left if left > 0 else None


@lru_cache(maxsize=4096)
def planned_steps(run: Path, began: float) -> int | None:
    """Optimizer steps of a run that began at some time, by its stored configuration; None where that does not tell."""
    try:
        config = stored_config(run)
    except ConfigError:
        return None

    def told(key: str) -> Any:
        return OmegaConf.select(config, key, default=None)

    images, N, epochs, limit, most = map(
        told, ("dataset.images", "batch_size", "epochs", "trainer.limit_train_batches", "trainer.max_steps")
    )
    if not (images and N and epochs):
        return None
    return run_steps(epoch_steps(int(images), int(N), limit), int(epochs), most)


def last_rows(path: Path) -> "pd.DataFrame":
    """The last rows of a metrics.csv as numbers, without one that is being written; no columns without a file."""
    from contrastive_lab.record.tables import numbers  # here: pandas takes half a second, which a job need not wait

    try:
        with path.open("rb") as file:
            head = file.readline()
            start = max(file.tell(), path.stat().st_size - TAIL)
            file.seek(start)
            text = file.read()
    except OSError:
        return numbers(b"")
    cut = start > len(head)  # so is the first row
    return numbers(head + text[text.find(b"\n") + 1 if cut else 0 :])


def _written(path: Path) -> float:
    """When a file was last written; 0 without it."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.is_file() else []
