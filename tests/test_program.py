"""How a line was typed, by what Python has as its first argument, or what the process that started this one says."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from contrastive_lab import program
from contrastive_lab.program import ROOT, VARIABLE, as_typed, front, handed_on, named, typed_line, variables

PYTHON = Path(sys.executable).name
CONSOLE, MODULE = ("/opt/bin/contrastive-lab", "train", "K=4"), (f"{ROOT}/contrastive_lab/__main__.py", "train", "K=4")


@pytest.mark.parametrize(
    ("argv", "words", "train", "find_k", "line"),
    [
        (("../train.py", "K=4"), [PYTHON], "python train.py", "python scripts/find_k.py", ["../train.py", "K=4"]),
        (("-c",), [PYTHON], "python train.py", "python scripts/find_k.py", ["-c"]),  # a notebook, of a checkout
        (CONSOLE, ["contrastive-lab"], "contrastive-lab train", "contrastive-lab find-k", ["train", "K=4"]),
        (MODULE, [PYTHON, "-m", "contrastive_lab"], "python -m contrastive_lab train",
         "python -m contrastive_lab find-k", ["train", "K=4"]),
    ],
)  # fmt: skip
def test_a_program_is_named_as_it_was_typed(
    argv: tuple[str, ...], words: list[str], train: str, find_k: str, line: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [*argv])
    assert (front(), typed_line()) == (words, line)
    assert (program.program("train"), program.program("find-k")) == (train, find_k)
    assert as_typed("a\ncontrastive-lab train K=4\ncontrastive-lab find-k") == f"a\n{train} K=4\n{find_k}"


def test_of_an_installed_package_it_is_the_console_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["ipykernel_launcher.py"])
    assert program.program("report") == "contrastive-lab report"


@pytest.mark.parametrize(
    ("told", "words"),
    [("file", [PYTHON, "train.py", "K=4"]), ("console", ["contrastive-lab", "train", "K=4"]),
     ("no form", [PYTHON, "-m", "contrastive_lab", "train", "K=4"])],
)  # fmt: skip
def test_a_process_that_a_command_started_tells_of_that_command(
    told: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [*MODULE])
    monkeypatch.setenv(VARIABLE, told)
    assert [*front(), *typed_line()] == words
    assert named("train") == words[-2]


@pytest.mark.parametrize("before", [None, "/mine"])
def test_another_process_runs_this_package_from_any_folder(
    before: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another package of the name lies in the folder."""
    (tmp_path / "contrastive_lab.py").write_text("raise ImportError('the other one')\n")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path not in ("", str(ROOT))])
    if before:
        monkeypatch.setenv("PYTHONPATH", before)
    whole = {**os.environ}
    code = "import contrastive_lab, sys; print(contrastive_lab.__file__, '/mine' in sys.path)"
    with handed_on():
        assert os.environ[VARIABLE] == "file"
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == f"{ROOT / 'contrastive_lab' / '__init__.py'} {before is not None}\n"
    assert {**os.environ} == whole


def test_a_package_among_the_installed_ones_is_found_anyway(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold names of the standard library, which must not come first."""
    monkeypatch.setattr(program, "ROOT", Path(sysconfig.get_path("purelib")))
    monkeypatch.setattr(sys, "path", ["/elsewhere"])
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert variables()["PYTHONPATH"] == ""


@pytest.mark.parametrize("entry", ["", "{here}"])
def test_the_folder_it_runs_in_stays_on_the_path_where_it_was(
    entry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of `python -m`, where modules of one's own may lie beside; behind this package."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setattr(sys, "path", ["/elsewhere", entry.format(here=tmp_path)])
    assert variables()["PYTHONPATH"] == os.pathsep.join([str(ROOT), str(tmp_path)])
