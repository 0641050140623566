"""Imports that take seconds, in fewer of them."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

SIGNAL = "scipy.signal"


@contextmanager
def quickly() -> Iterator[None]:
    """Import within a `with` what makes a million objects that stay, as torch and Lightning do.

    Python's collector would look through all of them again and again, a fifth of the time; afterwards it takes them for
    old. torchmetrics imports scipy.signal, longer than all else of it, to give it the old name of a window: here it
    finds that name in an empty module, which is gone afterwards.
    """
    collects, empty = gc.isenabled(), not {SIGNAL, "torchmetrics"} & {*sys.modules}
    gc.disable()
    if empty:
        sys.modules[SIGNAL] = ModuleType(SIGNAL)
        vars(sys.modules[SIGNAL])["hamming"] = None
    try:
        yield
    finally:
        if empty:
            del sys.modules[SIGNAL]
        gc.freeze()
        gc.unfreeze()  # all that has come is old now
        if collects:
            gc.enable()
