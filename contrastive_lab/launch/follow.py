"""The live page of a multirun, in a process of its own beside the jobs."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context, parent_process
from multiprocessing.synchronize import Event
from pathlib import Path

from contrastive_lab.imports import quickly

LONGEST = 20.0  # seconds that the page may take to end


@contextmanager
def followed(folder: Path) -> Iterator[Callable[[], None]]:
    """Serve the page of a sweep's folder meanwhile; it ends with this process, however that ends.

    What it yields is to be called when no job is at work any more: the page then leaves the last report to the caller.
    With that report written, pages that are open say that the sweep has ended, and it is over when they do.
    """
    context = get_context("spawn")
    stopped, reported = context.Event(), context.Event()
    page = context.Process(target=_serve, args=(folder, stopped, reported), daemon=True)
    page.start()
    try:
        yield stopped.set
        reported.set()
        page.join(LONGEST)
    finally:
        page.terminate()
        page.join()


def _serve(folder: Path, stopped: Event, reported: Event) -> None:
    with quickly():  # here: the jobs need not wait for matplotlib
        from contrastive_lab.report.serve import Live, served

    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(KeyboardInterrupt):
        if stopped.is_set():
            return
        live = Live(folder)
        with served(live, until="as long as the sweep runs"):
            while not stopped.wait(0.5):
                live.renew()
            reported.wait()
            live.end()


def _end_with_parent() -> None:
    if parent := parent_process():
        parent.join()
    os._exit(0)
