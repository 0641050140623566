"""Workers hand over what they made, in order, and end with their process even where an error keeps them."""

import os
import subprocess
import sys

import pytest
import torch
from torch import Tensor

from contrastive_lab.dataset.workers import cores, decoded, handed_over


def squares(rows: range) -> Tensor:
    return handed_over(torch.tensor(rows) ** 2)


def shared(rows: range) -> bool:
    return squares(rows).is_shared()


@pytest.mark.parametrize("workers", [0, 2])
def test_items_come_in_order(workers: int) -> None:
    made = [*decoded([range(i, i + 3) for i in range(5)], squares, workers)]
    assert [rows.tolist() for rows in made] == [[i**2, (i + 1) ** 2, (i + 2) ** 2] for i in range(5)]


@pytest.mark.parametrize("workers", [0, 2])
def test_rows_are_put_into_shared_memory_by_workers_alone(workers: int) -> None:
    assert [*decoded([range(3)], shared, workers)] == [workers > 0]


def test_cores_are_those_that_this_process_may_use() -> None:
    whole = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(whole)})
        assert cores() == 1
    finally:
        os.sched_setaffinity(0, whole)


ENDS = """
from tests.test_dataset.test_workers import decoded, squares
import sys
kept = decoded([range(3)] * 100, squares, 2)
next(kept)
sys.kept = kept  # as a traceback keeps what it went through
"""


def test_a_process_ends_with_workers_that_are_still_at_work() -> None:
    done = subprocess.run([sys.executable, "-c", ENDS], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
