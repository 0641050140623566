"""metrics.csv: a row for each logged step and for each epoch, kept when a run is resumed."""

import csv
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers.logger import Logger, rank_zero_experiment
from pytorch_lightning.utilities.rank_zero import rank_zero_only

Row = dict[str, Any]


class MetricsFile(Logger):
    """Writes `<folder>/metrics.csv`; where Lightning's CSVLogger deletes the file of a resumed run, this keeps it.

    Rows that a killed run wrote after its last checkpoint are dropped when it is resumed, since those steps are run
    again; so the file of a resumed run equals that of one that was never interrupted.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.path = folder / "metrics.csv"
        self.names = ["step", "epoch"]
        self.new: list[Row] = []

    @property
    def name(self) -> str:
        """Of the logger."""
        return "csv"

    @property
    def version(self) -> str:
        """Nothing: a folder holds one run."""
        return ""

    @property
    @rank_zero_experiment
    def experiment(self) -> "MetricsFile":
        """Itself, in the first process."""
        return self

    @rank_zero_only
    def resume(self, step: int) -> None:
        """Go on after `step` optimizer steps: keep the rows before it."""
        if self.path.exists():
            rows = self._read()
            self.names = list(rows[0]) if rows else self.names
            self._write([row for row in rows if int(row["step"]) < step])

    @rank_zero_only
    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Not here: the run's .hydra/config.yaml holds them."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Add a row; those of a step and of the end of its epoch are two."""
        self.new.append({"step": step, **metrics})

    @rank_zero_only
    def save(self) -> None:
        """Append the new rows; where they bring new columns, write the file anew, beside itself first."""
        unknown = sorted({name for row in self.new for name in row} - set(self.names))
        if unknown or not self.path.exists():
            old = self._read() if self.path.exists() else []
            self.names += unknown
            self._write(old)
        with self.path.open("a", newline="") as file:
            csv.DictWriter(file, self.names, restval="").writerows(self.new)
        self.new = []

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write what is left."""
        if self.new:
            self.save()

    def _read(self) -> list[Row]:
        with self.path.open(newline="") as file:
            return list(csv.DictReader(file))

    def _write(self, rows: list[Row]) -> None:
        partial = self.path.with_suffix(".csv.partial")
        with partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, self.names, restval="")
            writer.writeheader()
            writer.writerows(rows)
        partial.replace(self.path)
