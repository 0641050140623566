"""The commands, a module each, typed as `contrastive-lab <name>`, `python -m contrastive_lab <name>` or a script.

A module's first line is its line of help, and its `main` takes the line, e.g. ["train", "K=16"] or that of a script as
["train.py", "K=16"], and returns the exit code.
"""

import ast
import difflib
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from contrastive_lab import __version__
from contrastive_lab.imports import quickly
from contrastive_lab.output import outlast_readers
from contrastive_lab.program import NAME, front, named, program

VERSION = "--version"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that arguments begin with, those of this process unless told; returns the exit code."""
    outlast_readers()
    told = sys.argv[1:] if arguments is None else arguments
    name, start = (told[0] if told else ""), " ".join(front("python"))
    if name.replace("_", "-") in names():
        return enter(name, [named(name), *told[1:]])
    if name in ("-h", "--help"):
        print(_help(start))
    elif name == VERSION:
        print(NAME, __version__)
    else:
        print(f"error: {_no_command(name)}; {start} --help says what each does", file=sys.stderr)
        return 2
    return 0


def enter(name: str, line: Sequence[str]) -> int:
    """Run a command, e.g. "find-k", on its line; returns the exit code."""
    outlast_readers()
    if VERSION in line[1:]:
        print(NAME, __version__)
        return 0
    with quickly():
        command = import_module(f"{__name__}.{name.replace('-', '_')}")
    code: int = command.main(line)
    return code


def names() -> list[str]:
    """The commands as they are typed, e.g. "find-k"."""
    return sorted(path.stem.replace("_", "-") for path in Path(__file__).parent.glob("[a-z]*.py"))


def _no_command(name: str) -> str:
    """What is wrong with the word in place of a command."""
    if "=" in name or name.startswith("-"):
        return f"{name}: stands behind a command, e.g. {program('train')} {name}"
    near = difflib.get_close_matches(name, names(), n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{name or '<command>'}: {'no such command' if name else 'needed'}; {hint}choose one of {', '.join(names())}"


def _help(start: str) -> str:
    lines = [f"  {name:<10} {_first_line(name)}" for name in names()]
    return "\n".join([
        f"{start} <command> ...: how many negatives does contrastive learning need?", "", "Commands", *lines, "",
        f"{start} <command> --help lists the settings of a command,",
        f"{start} {VERSION} says which version this is.",
    ])  # fmt: skip


def _first_line(name: str) -> str:
    """A command's line of help, read from its file: to import all of them would take long."""
    path = Path(__file__).with_name(f"{name.replace('-', '_')}.py")
    return (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]
