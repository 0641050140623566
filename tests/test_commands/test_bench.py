"""The command `bench`: its line; what it measures has its tests in test_bench/."""

from collections.abc import Callable
from typing import Any

import pytest

from contrastive_lab.commands import bench
from tests.conftest import Line

Type = Callable[..., Line]


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("views", {"batch": 256, "size": 32, "repeats": 9}),
        ("loss --sizes 8 16", {"sizes": [8, 16], "dim": 128, "repeats": 9}),
        ("--repeats 2 --threads 3 diagnostics --K 7", {"batch": 256, "K": 7, "repeats": 2}),
    ],
)
def test_a_line_chooses_the_benchmark_and_its_settings(
    line: str, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Any]] = []
    threads: list[int] = []
    monkeypatch.setattr("contrastive_lab.bench.turns.ready", threads.append)
    for name in ("views", "diagnostics", "loss"):
        told = f"contrastive_lab.bench.{name}.run"
        monkeypatch.setattr(told, lambda name=name, **told: seen.append({"name": name, **told}))
    assert bench.main(["bench", *line.split()]) == 0
    (told,) = seen
    assert told.pop("name") in line and told == asked
    assert threads == [3 if "threads" in line else 1]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ((), "the following arguments are required: benchmark; python scripts/bench.py --help"),
        (("viewz",), "argument benchmark: invalid choice: 'viewz' (choose from"),
        (("views", "--batch", "x"), "argument --batch: invalid int value: 'x'; python scripts/bench.py views --help"),
    ],
)
def test_a_wrong_line_is_one_line(line: tuple[str, ...], message: str, type_script: Type) -> None:
    done = type_script("bench", *line)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith(f"error: {message}")
