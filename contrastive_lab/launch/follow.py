"""The live page of a multirun, in a process of its own beside the jobs."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context, parent_process
from pathlib import Path


@contextmanager
def followed(folder: Path) -> Iterator[None]:
    """Serve the page of a sweep's folder meanwhile; it ends with this process, however that ends."""
    page = get_context("spawn").Process(target=_serve, args=(folder,), daemon=True)
    page.start()
    try:
        yield
    finally:
        page.terminate()
        page.join()


def _serve(folder: Path) -> None:
    from contrastive_lab.report.serve import serve  # here: the jobs need not wait for matplotlib

    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(KeyboardInterrupt):
        serve(folder)


def _end_with_parent() -> None:
    if parent := parent_process():
        parent.join()
    os._exit(0)
