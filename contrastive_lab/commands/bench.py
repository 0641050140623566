"""Measure two ways of doing the same side by side, on this machine.

contrastive-lab bench views
contrastive-lab bench diagnostics
contrastive-lab bench loss
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from contrastive_lab.errors import ConfigError
from contrastive_lab.launch.script import exit_code
from contrastive_lab.program import as_typed, program


class Parser(ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong with the line."""
        raise ConfigError(f"{message}; {self.prog} --help")


def main(line: Sequence[str]) -> int:
    """Run a line of `bench`; returns the exit code."""
    return exit_code(lambda: run(line[1:]))


def run(arguments: Sequence[str]) -> None:
    """Run the benchmark that arguments name."""
    asked = vars(parser().parse_args(arguments))
    from contrastive_lab.bench.turns import ready  # here, so that errors need not wait for torch

    ready(asked.pop("threads"))
    import_module(f"contrastive_lab.bench.{asked.pop('benchmark')}").run(**asked)


def parser() -> ArgumentParser:
    """The parser of the line."""
    found = Parser(program("bench"), description=as_typed(__doc__ or ""), formatter_class=RawDescriptionHelpFormatter)
    found.add_argument("--threads", type=int, default=1, help="threads of torch; %(default)s unless told")
    found.add_argument("--repeats", type=int, default=9, help="turns that are counted; %(default)s unless told")
    commands = found.add_subparsers(required=True, dest="benchmark")
    views = commands.add_parser("views", help="images per second of torchvision's augmentations and of ours")
    views.add_argument("--batch", type=int, default=256, help="images; %(default)s unless told")
    views.add_argument("--size", type=int, default=32, help="pixels of a side; %(default)s unless told")
    diagnostics = commands.add_parser("diagnostics", help="what the diagnostics of a step cost beside the step")
    diagnostics.add_argument("--batch", type=int, default=256, help="images; %(default)s unless told")
    diagnostics.add_argument("--K", type=int, default=255, help="negatives; %(default)s unless told")
    loss = commands.add_parser("loss", help="what a loss costs in blocks of rows and with all cosines at once")
    loss.add_argument(
        "--sizes", type=int, nargs="+", default=[1024, 2048, 4096, 8192, 16384], metavar="N", help="images"
    )
    loss.add_argument("--dim", type=int, default=128, help="dimensions D; %(default)s unless told")
    return found
