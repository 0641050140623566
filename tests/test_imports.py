"""Imports in less time leave the process as others do."""

import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator

import pytest

from contrastive_lab.imports import SIGNAL, quickly
from tests.conftest import ROOT


class Cycle:
    itself: "Cycle | None" = None


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that has imported neither torchmetrics nor scipy.signal, whose collector is as before afterwards."""
    for name in ("torchmetrics", SIGNAL):
        monkeypatch.setitem(sys.modules, name, sys)  # so that it is put back as it was
        del sys.modules[name]
    yield
    gc.enable()


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("collects", [True, False])
def test_the_collector_and_the_modules_are_as_before_also_after_an_error(collects: bool) -> None:
    (gc.enable if collects else gc.disable)()
    with pytest.raises(ImportError), quickly():
        with quickly():
            assert not gc.isenabled()
        assert not gc.isenabled() and hasattr(sys.modules[SIGNAL], "hamming")
        raise ImportError
    assert gc.isenabled() == collects and SIGNAL not in sys.modules


@pytest.mark.usefixtures("bare")
def test_what_has_come_is_old_and_no_garbage_is_kept() -> None:
    """A cycle that is of no use is freed by a whole collection alone; gc.get_referrers sees all objects."""
    with quickly():
        cycle = Cycle()
        cycle.itself, seen, held = cycle, weakref.ref(cycle), [cycle]
    assert any(found is held for found in gc.get_referrers(cycle))
    held.clear()
    del cycle
    gc.collect(1)
    assert seen() is not None
    gc.collect()
    assert seen() is None and gc.get_freeze_count() == 0


def test_a_scipy_signal_that_is_there_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, SIGNAL, sys)
    with quickly():
        assert sys.modules[SIGNAL] is sys
    assert sys.modules[SIGNAL] is sys


@pytest.mark.long
def test_training_is_imported_without_scipy_signal_which_is_whole_for_others_and_nothing_is_said_at_the_end() -> None:
    code = "import sys; from contrastive_lab.imports import quickly\n"
    code += "with quickly():\n    import contrastive_lab.launch.jobs, contrastive_lab.report\n"
    code += "print('torchmetrics' in sys.modules, 'scipy.signal' in sys.modules)\n"
    code += "import scipy, scipy.signal, numpy; print(scipy.signal.hilbert(numpy.ones(4)).real.tolist())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("True False\n[1.0, 1.0, 1.0, 1.0]\n", "")
