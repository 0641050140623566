"""metrics.csv: a row for each logged step and for each epoch, kept when a run is resumed."""

import csv
import os
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from contrastive_lab.record.files import METRICS, shortest, write_table
from contrastive_lab.waiting import sync


class MetricsFile(Logger):
    """Writes `<folder>/metrics.csv`; where Lightning's CSVLogger deletes the file of a resumed run, this keeps it.

    Rows that a killed run wrote after its last checkpoint are dropped when it is resumed, since those steps are run
    again; so the file of a resumed run equals that of one that was never interrupted.
    """

    name, version = "csv", ""  # a folder holds one run

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.path = folder / METRICS
        self.names = ["step", "epoch"]
        self.new: list[dict[str, Any]] = []

    @rank_zero_only
    def resume(self, step: int, every: int = 1, row: dict[str, float] | None = None) -> None:
        """Go on after `step` optimizer steps, of which each `every`-th has a row; `row` is the last of the checkpoint.

        A process may have been killed after its checkpoint and before that row, or stopped in mid-epoch, when rows of
        the last step and of a part of the epoch were written, which no run has that was not stopped.
        """
        if self.path.exists():
            rows = self._read()
            self.names = list(rows[0]) if rows else self.names
            again = step % every or bool(row and "loss_epoch" not in row)  # whether the last step's own row goes, too
            last = [old for old in rows if int(old["step"]) == step - 1 and (again or old.get("loss_epoch"))]
            write_table(self.path, self.names, [old for old in rows if int(old["step"]) < step and old not in last])
        self.new += [row] if row else []
        self.save()

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the run's .hydra/config.yaml holds them."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Add a row; those of a step and of the end of its epoch are two."""
        self.new.append({"step": step, **metrics})

    @rank_zero_only
    def save(self) -> None:
        """Append the new rows, if any; where they bring new columns, write the file anew."""
        if not self.new:
            return
        unknown = sorted({name for row in self.new for name in row} - set(self.names))
        if unknown or not self.path.exists():
            old = self._read() if self.path.exists() else []
            self.names += unknown
            write_table(self.path, self.names, old)
        whole = self.path.stat().st_size
        rows = [{name: shortest(v) if isinstance(v, float) else v for name, v in row.items()} for row in self.new]
        try:
            with self.path.open("a", newline="") as file:
                csv.DictWriter(file, self.names).writerows(rows)
        except OSError:  # such as a full disk; a part of a row would be read as another row
            os.truncate(self.path, whole)
            raise
        self.new = []

    @rank_zero_only
    def store(self) -> None:
        """Append the new rows and wait until all are on the disk, as before a checkpoint that covers them."""
        self.save()
        if self.path.exists():
            sync(self.path)
            sync(self.path.parent)

    def _read(self) -> list[dict[str, Any]]:
        """The rows that are whole: a power cut may leave a part of the last one, or zeros."""
        with self.path.open(newline="", errors="replace") as file:
            lines = [line for line in file if line.endswith("\n") and "\0" not in line]
        rows = [row for row in csv.DictReader(lines) if str(row.get("step", "")).isdecimal()]
        return [row for row in rows if None not in row and None not in row.values()]


def set_aside(folder: Path) -> None:
    """Give the metrics.csv of a run that starts anew a number, metrics.1.csv and so on, if there is one."""
    if (path := folder / METRICS).exists():
        path.rename(folder / f"metrics.{1 + len(list(folder.glob('metrics.*.csv')))}.csv")
