"""train.py and scripts/*.py: each is one command, of the package of its own checkout."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from contrastive_lab.commands import names
from tests.conftest import ROOT, Line

Type = Callable[..., Line]
SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))


def test_there_is_a_script_for_every_command() -> None:
    assert [*sorted(path.stem.replace("_", "-") for path in SCRIPTS), "train"] == names()


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_help_is_that_of_the_command_with_the_script_s_name(path: Path, type_script: Type) -> None:
    done = type_script(path.stem, "--help")
    assert (done.code, done.err) == (0, "")
    assert f"python scripts/{path.name} " in done.out and "contrastive-lab" not in done.out


@pytest.mark.parametrize("script", [ROOT / "train.py", *SCRIPTS], ids=lambda path: path.stem)
def test_a_script_runs_the_package_of_its_own_checkout(script: Path, tmp_path: Path) -> None:
    """Another copy is installed, first on the path: the script beside the package takes its own."""
    (tmp_path / "other" / "contrastive_lab").mkdir(parents=True)
    (tmp_path / "other" / "contrastive_lab" / "__init__.py").write_text("raise ImportError('the other one')\n")
    environ = {"PYTHONPATH": str(tmp_path / "other"), "PYTHONSAFEPATH": "1"}  # the script's folder is not on the path
    line = [sys.executable, script, "--version"]
    done = subprocess.run(line, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
