"""The command `export`; what it writes has its tests in test_run/test_export.py."""

from collections.abc import Callable
from pathlib import Path

import pytest

from contrastive_lab.commands import export
from tests.conftest import Line

Type = Callable[..., Line]


def test_a_wrong_line_is_one_clear_error(type_script: Type) -> None:
    done = type_script("export", "run=nowhere", "K=3")
    message = "error: K=3: takes run=<folder of a run>, out=<folder> and onnx=true, each once\n"
    assert done == (2, "", message)


@pytest.mark.parametrize(("told", "out"), [({}, "x/export"), ({"out": "there"}, "there")])
def test_the_files_go_where_they_are_asked_for(
    told: dict[str, str], out: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(export, "stored_folder", Path)
    monkeypatch.setattr(export, "stored_config", lambda folder: f"config of {folder}")
    monkeypatch.setattr("contrastive_lab.run.export.export_run", lambda *asked: asked)
    export.task({"run": "x", **told})
    assert capsys.readouterr().out == f"{(Path('x'), 'config of x', Path(out), False)}\n"


def test_onnx_is_true_or_false(type_script: Type) -> None:
    assert type_script("export", "run=nowhere", "onnx=yes") == (2, "", "error: onnx=yes: must be true or false\n")
