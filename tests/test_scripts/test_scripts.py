"""What all scripts have in common, and the lines of those that have no file of their own."""

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, Line
from tests.sweep_folder import write_run

Type = Callable[..., Line]
SCRIPTS = sorted(path.stem for path in (ROOT / "scripts").glob("*.py"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_is_the_docstring(name: str, type_script: Type) -> None:
    text = ast.get_docstring(ast.parse((ROOT / "scripts" / f"{name}.py").read_text()))
    done = type_script(name, "--help")
    assert (done.code, done.err) == (0, "")
    assert text is not None and " ".join(text.split()) in " ".join(done.out.split())


@pytest.mark.parametrize(
    ("name", "arguments", "problem"),
    [
        ("curves", (), "run=<folder of a run>: needed"),
        ("curves", ("run=nowhere",), "run=nowhere: no metrics.csv in it"),
        ("curves", ("run=x", "K=3"), "K=3: takes run=<folder of a run>, once"),
        ("evaluate", (), "run=<folder of a run>: needed"),
        ("evaluate", ("run=nowhere",), "run=nowhere: not the folder of a run"),
        ("evaluate", ("run=nowhere", "K=3"), "K=3: takes run=<folder of a run>, evaluation=<protocol>"),
        ("export", ("run=nowhere", "K=3"), "K=3: takes run=<folder of a run> and out=<folder>, each once"),
        ("dashboard", ("name=x",), "entity=<you or your team>: needed"),
    ],
)
def test_a_wrong_line_is_one_clear_error(
    name: str,
    arguments: tuple[str, ...],
    problem: str,
    type_script: Type,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = type_script(name, *arguments)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith(f"error: {problem}")


def test_curves_says_where_the_figure_is(tmp_path: Path, type_script: Type) -> None:
    write_run(tmp_path / "run", {"K": 4, "alpha": 256})
    assert type_script("curves", f"run={tmp_path / 'run'}") == (0, f"{tmp_path}/run/curves.png\n", "")
    assert (tmp_path / "run" / "curves.png").stat().st_size > 10_000


def test_a_script_runs_the_package_of_its_own_checkout(tmp_path: Path) -> None:
    """Another copy is installed, first on the path: the script beside the package takes its own."""
    (tmp_path / "other" / "contrastive_lab").mkdir(parents=True)
    (tmp_path / "other" / "contrastive_lab" / "__init__.py").write_text("raise ImportError('the other one')\n")
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "report.py", "--help"],
        env={"PYTHONPATH": str(tmp_path / "other")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
