"""The command `curves`."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Line
from tests.sweep_folder import write_run

Type = Callable[..., Line]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "run=<folder of a run>: needed"),
        (("run=nowhere",), "run=nowhere: no metrics.csv in it"),
        (("run=x", "K=3"), "K=3: takes run=<folder of a run>, once"),
    ],
)
def test_a_wrong_line_is_one_clear_error(
    arguments: tuple[str, ...], problem: str, type_script: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = type_script("curves", *arguments)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith(f"error: {problem}")


def test_it_says_where_the_figure_is(tmp_path: Path, type_script: Type) -> None:
    write_run(tmp_path / "run", {"K": 4, "alpha": 256})
    assert type_script("curves", f"run={tmp_path / 'run'}") == (0, f"{tmp_path}/run/curves.png\n", "")
    assert (tmp_path / "run" / "curves.png").stat().st_size > 10_000
