"""What a script stands on: its line of key=value, its help, and its exit code."""

import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import NamedTemporaryFile

from hydra.errors import HydraException

from contrastive_lab.config.help import row
from contrastive_lab.config.values import key_and_value
from contrastive_lab.errors import ConfigError, RunError, SignalError, first_line
from contrastive_lab.launch.own_code import without_own_code
from contrastive_lab.program import as_typed
from contrastive_lab.record.result import read_result
from contrastive_lab.record.run import DETECTOR, check_config, check_stored

Values = dict[str, str]
# What a line may hold, e.g. "run=<folder of a run>", each with a line of help; the first is needed.
Forms = Mapping[str, str]
OWN_CODE = {
    "plugins=[<package>]": "whose code the run calls, as when it was trained",
    "--config-dir <folder>": "with yamls of yours; packages beside it are found",
}
PLACES = {
    "data_dir=<where it is now>": "the folder of downloaded data sets, if it has moved",
    "dataset.root=<where it is now>": "the folder of images, if it has moved",
    "dataset.probe_root=<where it is now>": "the folder of labelled images, if it has moved",
    "dataset.workers=<number>": "processes that read images",
}


def run_script(
    task: Callable[[Values], object],
    line: Sequence[str],
    text: str | None,
    forms: Forms,
    further: Callable[[], str] = str,
    either: int = 1,
) -> int:
    """Run a task on the `key_values` of a line, e.g. ["export", "run=x"]; returns the exit code.

    For --help it prints `text`, the forms, and below what `further` gives. One of the first `either` forms is needed.
    """
    if asks_for_help(line):
        print(help_text(text, forms), further(), sep="\n")
        return 0
    own = [form for form in forms if form not in OWN_CODE]
    return exit_code(lambda: task(key_values(without_own_code(line[1:]), own, either)))


def asks_for_help(line: Sequence[str]) -> bool:
    """Whether --help is in a line."""
    return not {"-h", "--help"}.isdisjoint(line[1:])


def help_text(text: str | None, forms: Forms) -> str:
    """What a command does, with its lines as they are typed, and its settings."""
    rows = ["", "", "Settings", *(row(*form) for form in forms.items())] if forms else []
    return as_typed((text or "").strip()) + "\n".join(rows)


def key_values(arguments: Sequence[str], forms: Sequence[str], either: int = 1) -> Values:
    """The values of a line, e.g. ["run=outputs/simo/x"], by key; a ConfigError says what is wrong with it.

    `forms` are what it may hold, each once, e.g. ["run=<folder of a run>", "out=<folder>"]; the first is needed, or one
    alone of the first `either`. A * in a key stands for any name.
    """
    keys, values = [key_and_value(form)[0] for form in forms], Values()
    for argument in arguments:
        key, value = key_and_value(argument)
        if not any(fnmatchcase(key, known) for known in keys) or key in values or not value:
            taken = " and ".join(", ".join(part) for part in (forms[:-1], forms[-1:]) if part)
            raise ConfigError(f"{argument}: takes {taken}, {'each ' * (len(forms) > 1)}once")
        values[key] = value
    if len(told := [f"{key}={values[key]}" for key in keys[:either] if key in values]) != 1:
        raise ConfigError(f"{' '.join(told)}: one of them alone" if told else f"{' or '.join(forms[:either])}: needed")
    return values


def run_folder(run: str) -> Path:
    """The folder of a run, of `detect` too; a ConfigError says that it is none."""
    return _folder(run, check_config)


def stored_folder(run: str) -> Path:
    """The folder of a run that trained an encoder; a ConfigError says why its checkpoint cannot be read."""
    folder = _folder(run, check_stored)
    if _is_detector(folder):
        raise ConfigError(f"run={run}: {DETECTOR}")
    return folder


def _folder(run: str, check: Callable[[Path], Sequence[str]]) -> Path:
    if problems := check(Path(run)):
        raise ConfigError(*(f"run={problem}" for problem in problems))
    return Path(run)


def _is_detector(folder: Path) -> bool:
    with suppress(ConfigError):  # of a damaged file, which is told where it matters
        return read_result(folder).method == "detect"
    return False


def exit_code(task: Callable[[], object]) -> int:
    """Run a task and print its errors, each in a line.

    The code is 0 if all went well, 1 if it failed, 2 if the line is wrong, before any work, 128 and the number of the
    signal that stopped it (130 for Ctrl-C).
    """
    try:
        task()
    except (ConfigError, HydraException) as error:
        code, lines = 2, [f"error: {problem}" for problem in getattr(error, "problems", [first_line(error)])]
    except RunError as error:
        code, lines = 1, [f"error: {error}"]
    except SignalError as error:
        code, lines = int(str(error.code)), [f"interrupted: {error}; the same line, or resume=<folder>, goes on"]
        lines = lines if os.environ.get("LOCAL_RANK", "0") == "0" else []  # told once, by the first process
    except KeyboardInterrupt:
        code, lines = 130, ["interrupted"]
    except Exception as error:  # that nothing foresees
        code, lines = 1, [f"error: {type(error).__name__}: {first_line(error)} ({_kept_traceback()})"]
    else:
        return 0
    print(*lines, sep="\n", file=sys.stderr)
    return code


def _kept_traceback() -> str:
    """Write the traceback of the present error to a file; returns where it is."""
    try:
        with NamedTemporaryFile("w", prefix="contrastive_lab-", suffix=".txt", delete=False) as file:
            traceback.print_exc(file=file)
    except OSError as error:
        return f"no traceback: {error.strerror}"
    return f"traceback in {file.name}"
