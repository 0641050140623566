"""What a job prints, with its name before each line: several jobs share a terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import TextIOBase
from typing import TextIO, cast

from contrastive_lab.output import outlast_readers


class Prefixed(TextIOBase):
    """Writes whole lines to a stream, each behind a name; it is no terminal, so that no bar is drawn."""

    def __init__(self, stream: TextIO, name: str) -> None:
        self.stream, self.name, self.begun = stream, name, ""

    def write(self, text: str) -> int:
        """Write the lines that are whole now, and keep the rest."""
        *lines, self.begun = (self.begun + text).split("\n")
        whole = "".join(f"[{self.name}] {line}\n" for line in lines if line.strip())
        if whole:
            self.stream.write(whole)  # at once: the lines of two processes must not mix
            self.stream.flush()
        return len(text)

    def flush(self) -> None:
        """Do nothing: a line is written when it is whole."""

    def end(self) -> None:
        """Write what is left of a line."""
        if self.begun:
            self.write("\n")


@contextmanager
def prefixed(name: str) -> Iterator[None]:
    """Inside, each line printed and each error stands behind a name; where nobody reads them, the job goes on."""
    outlast_readers()  # a job's own process has not done so
    streams = Prefixed(sys.stdout, name), Prefixed(sys.stderr, name)
    out, err = (cast(TextIO, stream) for stream in streams)
    try:
        with redirect_stdout(out), redirect_stderr(err):
            yield
    finally:
        for stream in streams:
            stream.end()
