"""The csv tables that runs and reports leave, read: metrics.csv, runs.csv, and those of an analysis."""

import io
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from contrastive_lab.record.result import Status

USED = {f"{name}_used": name for name in ("K", "alpha")}  # what a run made of null, beside what was asked for


class Logged:
    """A metrics.csv.

    `last` is the last finite value of each column that has one, but for the step. A row that is being written is left
    out; without a file, or without steps in it, there are no columns.
    """

    def __init__(self, path: Path) -> None:
        rows = numbers(path.read_bytes() if path.is_file() else b"")
        values, names = rows.to_numpy(), [str(name) for name in rows]
        steps = values[:, names.index("step")] if "step" in names else np.full(len(values), np.nan)
        known = np.isfinite(steps)
        self._steps, columns = steps[known].astype(int), values[known].T
        self._columns = {name: own for name, own in zip(names, columns, strict=True) if name != "step"}
        some = {name: own[np.isfinite(own)] for name, own in self._columns.items()}
        self.last = {name: float(own[-1]) for name, own in some.items() if len(own)}

    def column(self, name: str) -> pd.Series:
        """The finite values of a column of `last` by optimizer step, in that order; of several of a step the last."""
        found = pd.Series(self._columns[name], pd.Index(self._steps, name="step")).dropna()
        return found[~found.index.duplicated(keep="last")].sort_index()


def numbers(text: bytes) -> pd.DataFrame:
    """The whole lines of a metrics.csv, a name for each column first; NaN for what is no finite number."""
    whole = text[: text.rfind(b"\n") + 1]
    if not whole.strip():
        return pd.DataFrame()
    rows = pd.read_csv(io.BytesIO(whole), on_bad_lines="skip", encoding_errors="replace")
    words = [name for name, kind in rows.dtypes.items() if kind.kind not in "if"]
    rows = rows.assign(**{str(name): pd.to_numeric(rows[name], errors="coerce") for name in words}) if words else rows
    values = rows.to_numpy(float)
    return pd.DataFrame(np.where(np.isfinite(values), values, np.nan), columns=rows.columns)


def read_logged(path: Path) -> Logged:
    """What a metrics.csv holds; the same object as long as the file stays."""
    stat = path.stat() if path.is_file() else None
    return _logged(path, *((stat.st_mtime_ns, stat.st_size) if stat else (0, 0)))


@lru_cache(maxsize=512)  # a page that is alive reads a sweep anew as each of its runs ends
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


def whole(value: Any) -> Any:
    """A number without a fraction as int, e.g. the alpha 256.0 of a column that has inf; anything else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def kept_results(path: Path) -> dict[str, dict[str, Any]]:
    """The results in the runs.csv of a report by the folder of the run; none where there is no such file.

    K and alpha are those that were used, where it has columns of them, as older ones have not.
    """
    if not path.is_file():
        return {}
    names, rows = read_table(path)
    found = [{str(name): value for name, value in zip(names, row, strict=True) if name != "name"} for row in rows]
    found = [row | {used: whole(row[used]) for used in USED if used in row} for row in found]
    found = [row | {name: row[used] for used, name in USED.items() if used in row} for row in found]
    return {str(row.pop("folder")): row for row in found if row.get("status") in set(Status)}
