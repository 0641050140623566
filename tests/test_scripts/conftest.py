import runpy
import sys
from collections.abc import Callable

import pytest

from tests.conftest import ROOT, Line


@pytest.fixture
def type_script(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Line]:
    """Type `python scripts/<name>.py ...`, in this process."""

    def run(name: str, *arguments: str) -> Line:
        path = ROOT / "scripts" / f"{name}.py"
        monkeypatch.setattr(sys, "argv", [path.name, *arguments])
        monkeypatch.setattr(sys, "path", [*sys.path])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(path), run_name="__main__")
        return Line(int(end.value.code or 0), *capsys.readouterr())

    return run
