"""The names of the files, and JSON objects and csv tables.

Each is written beside its file first, so that a reader never sees half of it.
"""

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from contrastive_lab.waiting import removed_on_error

RESULT, METRICS, COMMAND = "result.json", "metrics.csv", "command.txt"  # in the folder of a run
CONFIG, CHECKPOINT = ".hydra/config.yaml", "checkpoints/last.ckpt"
WEIGHTS, CARD = "backbone.safetensors", "backbone.json"  # of an export, and below
PAGE, ONNX = "README.md", "backbone.onnx"
LABELLED = "labelled.csv"  # of a run on a share of the labels
PLAN, RUNS = "sweep.json", "runs.csv"  # in the folder of a sweep, and of its report


def read_json(path: Path) -> dict[str, Any]:
    """Read an object.

    Raises:
        ValueError: if the file is damaged or holds something else.
    """
    values = json.loads(path.read_text())
    if not isinstance(values, dict):
        raise ValueError(f"not an object but {type(values).__name__}")
    return values


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write an object."""
    write_text(path, json.dumps(values, indent=2) + "\n")


def overwrite_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write an object over a file that is there, in the room that it has, as where the disk is full."""
    with path.open("r+", encoding="utf-8") as file:
        file.write(json.dumps(values, indent=2) + "\n")
        file.truncate()


def write_table(path: Path, names: Sequence[Any], rows: Iterable[Mapping[Any, Any]]) -> None:
    """Write rows as csv with a head; empty for None and for what a row lacks, every line ends with CR LF."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def no_formula(value: Any) -> Any:
    """A value as a cell of a csv file: a text that a spreadsheet would take for a formula gets a quote."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else value


def write_text(path: Path, text: str) -> None:
    """Write a text, its ends of line as they are; of two processes the last one's stays, never a part of one."""
    partial = path.with_suffix(f"{path.suffix}.{os.getpid()}.partial")
    with removed_on_error(partial):
        partial.write_text(text, encoding="utf-8", newline="")
        partial.replace(path)


def shortest(value: float) -> float:
    """A number in the least digits that tell it among numbers of 32 bits, where it is one of these.

    >>> shortest(37.060001373291016), shortest(0.1)
    (37.06, 0.1)
    """
    import numpy as np  # here: a line that is wrong need not wait for it

    with np.errstate(over="ignore"):
        single = np.float32(value)
    return float(str(single)) if float(single) == value else value
