"""How a command was typed, and how another is: `python train.py`, `contrastive-lab train`, `python -m contrastive_lab`.

Lines that say what to type, and those that are stored, name the program as the user did.
"""

import os
import re
import site
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]  # the folder with the package in it: a checkout, or site-packages
NAME = "contrastive-lab"
VARIABLE = "CONTRASTIVE_LAB_TYPED"  # which of FORMS was typed, for a process that a command starts
FORMS = ("file", "console", "module")


def front(python: str | None = None) -> list[str]:
    """The words before the command's own, e.g. ["contrastive-lab"]; `python` is what the interpreter is called."""
    python = python or Path(sys.executable).name
    return {"file": [python], "console": [NAME], "module": [python, "-m", "contrastive_lab"]}[_form()]


def named(command: str) -> str:
    """The command's own word, e.g. "find-k" or "scripts/find_k.py" for "find-k"."""
    if _form() != "file":
        return command.replace("_", "-")
    return "train.py" if command == "train" else f"scripts/{command.replace('-', '_')}.py"


def program(command: str) -> str:
    """What to type for a command, e.g. "python train.py" or "contrastive-lab train" for "train"."""
    return " ".join([*front("python"), named(command)])


def typed_line() -> list[str]:
    """The line of this process behind `front`."""
    return sys.argv if _form_of_argv() == "file" else [named(sys.argv[1]), *sys.argv[2:]]


def as_typed(text: str) -> str:
    """A text in which every `contrastive-lab <command>` is what would be typed."""
    return re.sub(rf"{NAME} ([a-z][a-z-]*)", lambda found: program(found[1]), text)


def variables() -> dict[str, str]:
    """Variables with which another process runs the same package, and tells of the program that was typed.

    The folder that it runs in comes first on its path unless told, and may hold another package of the name.
    """
    installed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), site.getusersitepackages()}
    here, there = str(Path.cwd()), os.environ.get("PYTHONPATH", "")
    paths = [*({str(ROOT)} - installed), *([here] if {"", here} & {*sys.path} else []), *([there] if there else [])]
    return {VARIABLE: _form(), "PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(paths)}


@contextmanager
def handed_on() -> Iterator[None]:
    """Inside, every process that is started has `variables`."""
    new = variables()
    before = {name: os.environ.get(name) for name in new}
    os.environ.update(new)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            os.environ.update({} if value is None else {name: value})


def _form() -> str:
    told = os.environ.get(VARIABLE)
    return told if told in FORMS else _form_of_argv()


def _form_of_argv() -> str:
    """The form of this process's line; of a notebook's and a launcher's that of a checkout where the package is one."""
    typed = Path(sys.argv[0])
    if typed.name == NAME:
        return "console"
    if (typed.parent.name, typed.name) == (Path(__file__).parent.name, "__main__.py"):
        return "module"
    return "file" if (ROOT / "train.py").is_file() else "console"
