"""Which test images an evaluation got right: packed bits in `<run>/right/<name>.npz`, in their order."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contrastive_lab.waiting import removed_on_error

TRANSFER = "transfer_"  # begins the name of an evaluation on the images of another data set


def write_right(folder: Path, name: str, right: Any) -> None:
    """Write booleans (m,) of the evaluation `name` into a run's folder, 1.25 kB for 10,000; nothing for None.

    They are an array, or a tensor on any device. ValueError if the name is that of another folder's file.
    """
    if right is None:
        return
    if name in ("", "..") or Path(name).name != name:
        raise ValueError(f"evaluation {name}: names a file outside of {folder / 'right'}")
    right = right.cpu() if hasattr(right, "cpu") else right
    values, path = np.asarray(right, dtype=bool), folder / "right" / f"{name}.npz"
    path.parent.mkdir(exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with removed_on_error(partial):
        with partial.open("wb") as file:
            np.savez(file, bits=np.packbits(values), images=len(values))
        partial.replace(path)


def read_right(folder: Path, name: str) -> NDArray[Any] | None:
    """The booleans (m,) that `write_right` wrote; None where there are none that can be read."""
    try:
        with np.load(folder / "right" / f"{name}.npz") as stored:
            return np.unpackbits(stored["bits"], count=int(stored["images"])).astype(bool)
    except (OSError, ValueError, KeyError):
        return None


def images_scored(folder: Path, name: str = "") -> int | None:
    """The number of test images of a run's evaluation, None where none was stored.

    All but those on another data set share one test set, so that of any other one will do.
    """
    others = [path.stem for path in sorted((folder / "right").glob("*.npz")) if not path.stem.startswith(TRANSFER)]
    for stem in [name] if name.startswith(TRANSFER) else others:
        if (right := read_right(folder, stem)) is not None:
            return len(right)
    return None
