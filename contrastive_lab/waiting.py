"""What is shown while a command works: a bar on a terminal, elsewhere a line now and then; nothing unless asked for.

And how it waits, for another process or for the disk, and what it takes away where that is full.
"""

import fcntl
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
FIRST, EVERY = 10.0, 60.0  # seconds before the first line off a terminal, and between two
DELAY = 1.0  # seconds before a bar is shown: what is over at once needs none
_shown: ContextVar[bool] = ContextVar("shown", default=False)


@contextmanager
def progress_shown() -> Iterator[None]:
    """Show within a `with` what `counted` counts; a training has a bar of its own."""
    before = _shown.set(True)
    try:
        yield
    finally:
        _shown.reset(before)


def counted(items: Iterable[Item], name: str, total: int) -> Iterator[Item]:
    """The items, `total` of them, counted meanwhile as e.g. "linear_moco, epoch" on stderr."""
    if not _shown.get():
        yield from items
    elif sys.stderr.isatty():
        yield from tqdm(items, name, total, delay=DELAY, leave=False)
    else:
        yield from _told(items, name, total)


def _told(items: Iterable[Item], name: str, total: int) -> Iterator[Item]:
    began = time.monotonic()
    due = began + FIRST
    for done, item in enumerate(items):
        if done and (now := time.monotonic()) >= due:
            left = (now - began) / done * (total - done)
            print(f"{name} {done} of {total}, about {left:.0f} s left", file=sys.stderr, flush=True)
            due = now + EVERY
        yield item


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait for another process that does the same with a folder; where the file system has no locks, for none."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextmanager
def removed_on_error(partial: Path) -> Iterator[None]:
    """Remove a file, or a folder, that could not be written whole, as where the disk is full."""
    try:
        yield
    except BaseException:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)
        raise
