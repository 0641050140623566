"""The command `bench`: its line; what it measures has its tests in test_bench/."""

import inspect
import math
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from contrastive_lab.bench.page import BEGIN, END
from contrastive_lab.commands import bench
from contrastive_lab.record.speed import Outcome, Row, read_speed
from tests.conftest import Line, command

Type = Callable[..., Line]


@pytest.mark.parametrize(
    ("line", "asked", "threads"),
    [
        ("views", {"batch": 256, "size": 32, "rounds": 5}, 1),
        ("loss --sizes 8 16", {"sizes": [8, 16], "dim": 128, "rounds": 5}, 1),
        ("diagnostics --K 7 --rounds 2 --threads 3", {"batch": 256, "K": 7, "rounds": 2}, 3),
        ("diagnostics --tiny --batch 9", {"batch": 9, "K": 5, "rounds": 1}, 1),
    ],
)
def test_a_line_chooses_the_benchmark_and_its_settings(
    line: str,
    asked: dict[str, Any],
    threads: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen: list[dict[str, Any]] = []
    told: list[int] = []

    def run(**settings: Any) -> Outcome:
        seen.append(settings)
        return Outcome(rows=[Row(case="one", values={"ratio": 1.5})], told=["ratio"])

    monkeypatch.setattr("contrastive_lab.bench.turns.ready", told.append)
    monkeypatch.setattr(f"contrastive_lab.bench.{line.split()[0]}.run", run)
    assert bench.main(["bench", *line.split()]) == 0
    assert (seen, told) == ([asked], [threads])
    assert capsys.readouterr().out.splitlines()[1:] == ["     ratio", "one    1.5"]


@pytest.mark.parametrize("name", bench.BENCHMARKS)
def test_each_benchmark_takes_its_options(name: str) -> None:
    taken = inspect.signature(import_module(f"contrastive_lab.bench.{name}").run).parameters
    assert {*taken} == {*bench.BENCHMARKS[name].options, "rounds"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ((), "the following arguments are required: benchmark; python scripts/bench.py --help"),
        (("viewz",), "argument benchmark: invalid choice: 'viewz' (choose from"),
        (
            ("views", "--batch", "x"),
            "argument --batch: x: must be a whole number from 1; python scripts/bench.py views",
        ),
        (("step", "--device", "tpu"), "argument --device: invalid choice: 'tpu' (choose from 'cpu', 'cuda')"),
    ],
)
def test_a_wrong_line_is_one_line(line: tuple[str, ...], message: str, type_script: Type) -> None:
    done = type_script("bench", *line)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith(f"error: {message}")


def test_all_runs_each_with_the_settings_that_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of --device alone those that compute on one; each stands in the page."""
    page = tmp_path / "speed.md"
    page.write_text(f"{BEGIN}\n{END}\n")
    seen: dict[str, dict[str, Any]] = {}

    def measured(name: str, asked: dict[str, Any], tiny: bool) -> Outcome:
        assert tiny
        seen[name] = asked
        return Outcome(rows=[Row(case="one", values={"ratio": 1.5})], told=["ratio"])

    monkeypatch.setattr("contrastive_lab.bench.turns.alone", lambda function, *arguments: function(*arguments))
    monkeypatch.setattr(bench, "measured", measured)
    line = ["all", "--tiny", "--rounds", "3", "--device", "cpu", "--out", f"{tmp_path}/speed", "--page", str(page)]
    assert bench.main(["bench", *line]) == 0
    assert {*seen} == {*bench.BENCHMARKS}
    assert seen["views"] == {"rounds": 3} and seen["step"] == {"rounds": 3, "device": "cpu"}
    assert all(f"| `{name}` | one | ratio | 1.5 |" in page.read_text() for name in bench.BENCHMARKS)


@pytest.mark.long
def test_each_benchmark_runs_at_a_tiny_size(tmp_path: Path) -> None:
    """As it is typed, with json, table and figure; other libraries are left out where they are not installed."""
    page = tmp_path / "speed.md"
    page.write_text(f"{BEGIN}\n{END}\n")
    line = ["all", "--tiny", "--threads", "1", "--out", "speed", "--page", str(page)]
    done = command("scripts/bench.py", *line, cwd=tmp_path, timeout=1200)
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "speed").glob("*.json")
    speed = read_speed(path)
    left = {"peers"} - {*speed.benchmarks}
    assert speed.tiny and {*speed.benchmarks} | left == {*bench.BENCHMARKS}
    assert ("left out: lightly is not installed" in done.stdout) == bool(left)
    for outcome in speed.benchmarks.values():
        assert outcome.rows and all({*outcome.told} & {*row.values} for row in outcome.rows)
        assert all(value is None or math.isfinite(value) for row in outcome.rows for value in row.values.values())
    assert (tmp_path / "speed" / "ratios.png").exists() and "A tiny run" in page.read_text()
