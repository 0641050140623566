"""The features of images or texts on disk: npy with a csv beside it, or one csv or parquet file."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from contrastive_lab.errors import ConfigError
from contrastive_lab.record.files import no_formula

FORMATS = ("npy", "parquet", "csv")
STEM, INDEX = "features", "index.csv"


def check_format(kind: str) -> None:
    """Raise a ConfigError if features cannot be written so."""
    if kind not in FORMATS:
        raise ConfigError(f"format={kind}: choose one of {', '.join(FORMATS)}")
    if kind == "parquet" and not find_spec("pyarrow"):
        raise ConfigError('format=parquet: pyarrow is not installed; pip install "contrastive-lab[parquet]"')


def write_features(
    folder: Path, kind: str, features: NDArray[np.float32], told: Mapping[str, Sequence[Any]]
) -> list[str]:
    """Write features (n, F) and what is told of each row, columns of n values; returns the names of the files.

    As npy the features are features.npy and the rest is index.csv; otherwise they are the columns f0, f1, ... of one
    file. A text of a csv that looks like a formula gets a quote.
    """
    index = pd.DataFrame(dict(told))
    if kind == "npy":
        np.save(folder / f"{STEM}.npy", features)
        _harmless(index).to_csv(folder / INDEX, index=False)
        return [f"{STEM}.npy", INDEX]
    columns = pd.DataFrame(features, columns=[f"f{i}" for i in range(features.shape[1])])
    name = f"{STEM}.{kind}"
    if kind == "csv":
        pd.concat([_harmless(index), columns], axis="columns").to_csv(folder / name, index=False)
    else:
        pd.concat([index, columns], axis="columns").to_parquet(folder / name, index=False)
    return [name]


def _harmless(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({name: table[name].map(no_formula) for name in table})
