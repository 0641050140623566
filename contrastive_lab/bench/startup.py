"""Seconds from a typed line to what it is for: help, the first step, the end of the demo."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from contrastive_lab.bench.process import OURS, check_line, ended, first_step
from contrastive_lab.bench.turns import alternate, seconds_of
from contrastive_lab.record.speed import Outcome, Row

LIBRARIES = "import torch, torchvision, pytorch_lightning"  # what no training can do without


def run(line: Sequence[str], rounds: int) -> Outcome:
    """Seconds of processes, from their start on a disk that is warm: the first turn is not counted."""
    check_line(line)
    cases: dict[str, Callable[[Path], float]] = {
        "python alone": partial(ended, [sys.executable, "-c", ""]),
        "import torch, torchvision, Lightning": partial(ended, [sys.executable, "-c", LIBRARIES]),
        "--help": partial(ended, [*OURS, "--help"]),
        "train --help": partial(ended, [*OURS, "train", "--help"]),
        "first step": partial(first_step, line),
        "whole run": partial(ended, [*OURS, "train", *line]),
    }
    times = alternate({partial(_in_new_folder, case): 1 for case in cases.values()}, rounds)
    rows = [Row(case=name, values=seconds_of(own)) for name, own in zip(cases, times, strict=True)]
    return Outcome(rows=rows, told=["s"], notes=[f"the run is: train {' '.join(line)}"])


def _in_new_folder(case: Callable[[Path], float], _: int) -> None:
    with TemporaryDirectory() as folder:
        case(Path(folder))
