import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.errors import HydraException

from contrastive_lab.errors import ConfigError, RunError
from contrastive_lab.launch.script import exit_code, key_values, run_script

FORMS = ("run=<folder>", "evaluation.*=<value>", "out=<folder>")


def test_a_line_is_read_by_key_and_a_star_stands_for_any_name() -> None:
    told = ["out=a=b", "run=outputs/x", "evaluation.k=3", "evaluation.lr=0.1"]
    assert key_values(told, FORMS) == {
        "out": "a=b", "run": "outputs/x", "evaluation.k": "3", "evaluation.lr": "0.1",
    }  # fmt: skip
    assert key_values(["run=x"], FORMS) == {"run": "x"}


@pytest.mark.parametrize("wrong", ["runs=x", "run", "run=", "run=y", "evaluation=knn", "--out=x", "K=3"])
def test_a_wrong_argument_is_named_with_what_the_line_takes(wrong: str) -> None:
    with pytest.raises(ConfigError) as caught:
        key_values(["run=x", wrong], FORMS)
    taken = "run=<folder>, evaluation.*=<value> and out=<folder>, each once"
    assert caught.value.problems == (f"{wrong}: takes {taken}",)


def test_the_first_key_is_needed() -> None:
    with pytest.raises(ConfigError, match=r"^run=<folder>: needed$"):
        key_values(["out=x"], FORMS)


@pytest.mark.parametrize(
    ("error", "code", "lines"),
    [
        (ConfigError("K: one", "tau: two"), 2, ["error: K: one", "error: tau: two"]),
        (HydraException("first\nsecond"), 2, ["error: first"]),
        (RunError("not finite"), 1, ["error: not finite"]),
        (KeyboardInterrupt(), 130, ["interrupted"]),
    ],
)
def test_what_ends_a_task_is_told_by_code_and_line(
    error: BaseException, code: int, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    def task() -> None:
        raise error

    assert exit_code(task) == code
    assert capsys.readouterr().err.splitlines() == lines


def test_an_error_of_the_code_itself_is_a_line_that_names_the_file_of_its_traceback(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert exit_code(lambda: 1 / 0) == 1
    (file,) = tmp_path.iterdir()
    assert capsys.readouterr().err == f"error: ZeroDivisionError: division by zero (traceback in {file})\n"
    assert file.read_text().startswith("Traceback") and "1 / 0" in file.read_text()


def test_where_there_is_no_room_for_a_traceback_the_line_still_comes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    assert exit_code(lambda: 1 / 0) == 1
    assert capsys.readouterr().err.startswith("error: ZeroDivisionError: division by zero (no traceback: ")


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_is_the_docstring_with_the_settings_and_runs_nothing(
    flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    forbidden: Callable[[dict[str, str]], object] = lambda values: pytest.fail("work was started")  # noqa: E731
    forms = {"run=<folder>": "of a run; needed", "out=<folder>": "where it goes"}
    assert run_script(forbidden, ["export", "run=x", flag], "\nWhat it does.\n", forms, lambda: "\nMore.") == 0
    assert [" ".join(text.split()) for text in capsys.readouterr().out.splitlines() if text] == [
        "What it does.", "Settings", "run=<folder> of a run; needed", "out=<folder> where it goes", "More.",
    ]  # fmt: skip


def test_windows_is_refused_in_one_line() -> None:
    code = "import sys; sys.platform = 'win32'; import contrastive_lab.launch.script"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: Windows is not supported; its Linux (WSL) is\n")
