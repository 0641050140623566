"""The command `replay`; what it finds has its tests in test_run/test_replay.py."""

from collections.abc import Callable

import pytest

from tests.conftest import Line

Type = Callable[..., Line]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "run=<folder of a run>: needed"),
        (("run=nowhere",), "run=nowhere: not the folder of a run"),
        (("run=nowhere", "K=3"), "K=3: takes run=<folder of a run>, data_dir=<where it is now>, "),
    ],
)
def test_a_wrong_line_is_one_clear_error(arguments: tuple[str, ...], problem: str, type_script: Type) -> None:
    done = type_script("replay", *arguments)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith(f"error: {problem}")
