"""The reader and writer of what lies on disk: configurations, results, metrics, sweeps, provenance."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def load_sweep(folder: str | Path) -> "pd.DataFrame":
    """The runs of a sweep, or of any folder with runs in it, as a table: a row for each run, as in runs.csv.

    Columns are folder, name, status, what varies between the runs as it was asked for ("null" for null), and the
    fields of result.json. `docs/sweeps.md` has an example.

    Raises:
        ConfigError: if there is no run in the folder, or its sweep.json cannot be read.
    """
    from contrastive_lab.record.sweep import read_sweep  # here: pandas takes half a second, which a run need not wait

    return read_sweep(Path(folder)).runs
