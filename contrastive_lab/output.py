"""What a command prints when nobody reads it any more: nothing, and the command goes on to its end."""

import os
import sys
from io import BufferedWriter, FileIO, TextIOWrapper
from pathlib import Path

from typing_extensions import Buffer


class Outlasting(FileIO):
    """A file to write to whose reader may end first, as `head -3` does; what comes after that goes nowhere."""

    def write(self, data: Buffer, /) -> int:
        """Write bytes, and point the descriptor at the null device once nobody reads it."""
        try:
            return super().write(data)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())  # so that it holds for libraries and for processes to come, too
            os.close(nowhere)
            return memoryview(data).nbytes


def outlast_readers() -> None:
    """Let this process go on without its output where that is closed; what others have put in its place stays."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed before the start, as by >&-
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115
        elif stream is getattr(sys, f"__{name}__"):
            stream.flush()
            file = BufferedWriter(Outlasting(stream.fileno(), "w", closefd=False))
            lines = stream.line_buffering or stream.write_through  # the latter of python -u
            setattr(sys, name, TextIOWrapper(file, stream.encoding, stream.errors, line_buffering=lines))
