"""The two ways in which a command ends badly: an error found before any work (exit code 2), or on the way (1)."""

import signal
from typing import Any, get_args


class ConfigError(Exception):
    """What is wrong with a configuration, one line for each problem."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class RunError(Exception):
    """Why a run stopped, in one line; of anything else a line names the file of the traceback."""


class StoppedError(RunError):
    """That a run was stopped before its end, and can go on."""


class SignalError(SystemExit):
    """That a signal stopped a run, which can go on; the exit code is 128 and its number."""

    def __init__(self, number: int, told: str) -> None:
        super().__init__(128 + number)
        self.number = signal.Signals(number)
        self.told = f"{told} by {self.number.name}"

    def __str__(self) -> str:
        return self.told


def choice(name: str, value: str, choices: Any) -> str:
    """A value that is one of the choices of a Literal; ValueError otherwise."""
    if value not in get_args(choices):
        raise ValueError(f"{name}={value}: must be {' or '.join(get_args(choices))}")
    return value


def first_line(error: Exception) -> str:
    """The first line of an error's text."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
