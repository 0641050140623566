"""The reader and writer of what lies on disk: configurations, results, metrics, sweeps, provenance."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def load_sweep(folder: str | Path) -> "pd.DataFrame":
    """The runs of a sweep, or of any folder with runs in it, as a table: a row for each run.

    Columns are folder, name, status, what varies between the runs as it was asked for, and the fields of result.json,
    each of whole numbers, numbers, booleans or texts. Null and what is missing are NaN, which makes numbers of whole
    ones; an infinite alpha is infinity; numbers among texts are texts. `docs/sweeps.md` has an example.

    Raises:
        ConfigError: if there is no run in the folder, or its sweep.json cannot be read.
    """
    from contrastive_lab.record.sweep import read_sweep  # here: pandas takes half a second, which a run need not wait

    return read_sweep(Path(folder)).typed
