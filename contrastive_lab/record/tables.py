"""The csv tables that runs and reports leave, read: metrics.csv, runs.csv, and those of an analysis."""

import csv
import math
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from contrastive_lab.record.result import Status


class Logged:
    """A metrics.csv, of which a column is read when it is asked for: a report needs two or three of two dozen.

    `last` is the last finite value of each column that has one, but for the step. Rows that were cut short are left
    out; without a file, or without steps in it, there are no columns.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._columns = path, dict[str, pd.Series]()
        names, lines = _lines(path)
        found: dict[str, float] = {}
        for cells in _whole(names, reversed(lines)):
            values = {name: _finite(cell) for name, cell in zip(names, cells, strict=True) if name not in found}
            found |= {name: value for name, value in values.items() if value is not None}
            if len(found) == len(names):
                break
        self.last = {name: found[name] for name in names if name in found and name != "step"}

    def column(self, name: str) -> pd.Series:
        """The finite values of a column of `last` by optimizer step, in that order; of several of a step the last."""
        if name not in self._columns:
            names, lines = _lines(self.path)
            at = {each: i for i, each in enumerate(names)}
            whole = _whole(names, lines if name in at else [])  # it may be another file by now
            pairs = ((_finite(cells[at["step"]]), _finite(cells[at[name]])) for cells in whole)
            found = {int(step): value for step, value in pairs if step is not None and value is not None}
            steps = sorted(found)
            self._columns[name] = pd.Series([found[step] for step in steps], pd.Index(steps, name="step"), float)
        return self._columns[name]


def _lines(path: Path) -> tuple[list[str], list[str]]:
    """The names of the columns, and the rows as they are written: numbers, which need no quotes."""
    if not path.is_file():
        return [], []
    head, *rows = path.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
    (names,) = csv.reader([head])
    return (names, rows) if "step" in names else ([], [])


def _whole(names: list[str], lines: Iterable[str]) -> Iterator[list[str]]:
    return (cells for line in lines if len(cells := line.split(",")) == len(names))


def _finite(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def read_logged(path: Path) -> Logged:
    """What a metrics.csv holds; the same object as long as the file stays."""
    stat = path.stat() if path.is_file() else None
    return _logged(path, *((stat.st_mtime_ns, stat.st_size) if stat else (0, 0)))


@lru_cache(maxsize=4096)  # a page that is alive reads a sweep anew as each of its runs ends
def _logged(path: Path, written: int, size: int) -> Logged:
    return Logged(path)


def read_metrics(path: Path) -> pd.DataFrame:
    """The columns of a metrics.csv by optimizer step; NaN where there is no finite value."""
    logged = read_logged(path)
    return pd.DataFrame({name: logged.column(name) for name in logged.last})


def read_table(path: Path) -> tuple[list[str | int], list[Any]]:
    """Columns and rows of a csv file; whole numbers stay whole, an empty cell or null is None."""
    none = ["", "null", "nan"]
    table = pd.read_csv(path, keep_default_na=False, na_values=none, dtype_backend="numpy_nullable").astype(object)
    return [str(name) for name in table], table.where(table.notna(), None).to_numpy().tolist()


def kept_results(path: Path) -> dict[str, dict[str, Any]]:
    """The results in the runs.csv of a report by the folder of the run; none where there is no such file."""
    if not path.is_file():
        return {}
    names, rows = read_table(path)
    found = [{str(name): value for name, value in zip(names, row, strict=True) if name != "name"} for row in rows]
    return {str(row.pop("folder")): row for row in found if row.get("status") in set(Status)}
