"""The csv tables that runs and reports leave, read: metrics.csv, runs.csv, and those of an analysis."""

import math
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from contrastive_lab.record.result import Status


def read_metrics(path: Path) -> pd.DataFrame:
    """The columns of a metrics.csv by optimizer step, the last value of each; NaN where there is no finite one.

    Rows that were cut short are left out; without a file there are no columns.
    """
    if not path.is_file() or not (stat := path.stat()).st_size:
        return pd.DataFrame()
    return _logged(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4096)  # a page that is alive reads a sweep anew as each of its runs ends
def _logged(path: Path, written: int, size: int) -> pd.DataFrame:
    read = pd.read_csv(path, low_memory=False, on_bad_lines="skip")
    if not all(map(pd.api.types.is_numeric_dtype, read.dtypes)):
        read = read.apply(pd.to_numeric, errors="coerce")
    values = read.to_numpy(dtype=float, na_value=math.nan)
    told = values[:, read.columns.get_loc("step")]
    values = values[~np.isnan(told)]
    steps, at = np.unique(told[~np.isnan(told)].astype(int), return_inverse=True)
    last = np.full((len(steps), values.shape[1]), math.nan)
    rows, columns = np.isfinite(values).nonzero()
    last[at[rows], columns] = values[rows, columns]  # of several the last is kept
    kept = np.isfinite(last).any(axis=0) & (read.columns != "step")
    return pd.DataFrame(last[:, kept], index=pd.Index(steps, name="step"), columns=read.columns[kept])


def read_table(path: Path) -> tuple[list[str | int], list[Any]]:
    """Columns and rows of a csv file; a column of numbers holds those, whole ones whole; an empty cell or null is None."""
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
