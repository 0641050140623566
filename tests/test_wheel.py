"""The wheel: it holds what commands read, and runs in an empty environment, with nothing of the checkout."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from contrastive_lab import __version__
from contrastive_lab.config import CONF, SHARE
from contrastive_lab.launch.find_k import CURVE
from tests.conftest import ROOT, TINY

Typed = Callable[..., str]


def run(*line: str | Path, cwd: Path) -> str:
    """What a line prints that has to go well; it finds the package where its Python looks, and nowhere else."""
    environ = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(
        line, cwd=cwd, env={**environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built without a network, of a copy: setuptools leaves folders beside what it builds."""
    copy, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for name in ("contrastive_lab", "conf", "docs/results/negatives/cost"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel")
    run(*pip, "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", made, copy, cwd=made)
    (found,) = made.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def typed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Typed:
    """Type a program of an empty environment with the wheel in it; other packages are those of the tests."""
    empty = tmp_path_factory.mktemp("empty")
    run(sys.executable, "-m", "venv", "--without-pip", empty, cwd=empty)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", f"--python={empty / 'bin' / 'python'}")
    run(*pip, "install", "--no-index", "--no-deps", wheel, cwd=empty)
    (site,) = empty.glob("lib/*/site-packages")  # files *.pth there are read, those of the folders they name are not
    (site / "others.pth").write_text("\n".join({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}))
    return lambda program, *line, cwd: run(empty / "bin" / program, *line, cwd=cwd)


def test_it_holds_the_package_and_what_it_reads(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        held = {name for name in file.namelist() if ".dist-info/" not in name}
    package = [path for path in (ROOT / "contrastive_lab").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    beside = [*CONF.rglob("*.yaml"), CURVE]
    expected = [path.relative_to(ROOT) for path in package]
    expected += [Path("contrastive_lab") / path.relative_to(SHARE) for path in beside]
    assert held == {path.as_posix() for path in expected}


@pytest.mark.long
def test_it_trains_reports_and_exports_from_any_folder(typed: Typed, tmp_path: Path) -> None:
    code = "import contrastive_lab.config as found, sys; print(found.CONF, sys.path, sep='\\n')"
    conf, path = typed("python", "-c", code, cwd=tmp_path).splitlines()
    assert Path(conf).is_dir() and not Path(conf).is_relative_to(ROOT) and f"'{ROOT}'" not in path
    assert "method: finetune, moco_v1, " in typed("python", "-m", "contrastive_lab", "train", "--help", cwd=tmp_path)
    typed("contrastive-lab", "train", *TINY, "hydra.run.dir=runs/one", cwd=tmp_path)
    result = json.loads((tmp_path / "runs" / "one" / "result.json").read_text())
    assert (result["status"], result["K"], result["git"]) == ("done", 5, None)
    command = (tmp_path / "runs" / "one" / "command.txt").read_text()
    assert command.startswith("contrastive-lab train K=5 ") and command.count("\n") == 1
    assert typed("contrastive-lab", "report", "sweep=runs", cwd=tmp_path) == "runs/report/report.html\n"
    assert "contrastive-lab report sweep=runs" in (tmp_path / "runs" / "report" / "report.html").read_text()
    said = typed("python", "-m", "contrastive_lab", "export", "run=runs/one", cwd=tmp_path)
    assert "runs/one/export/backbone.safetensors" in said


@pytest.mark.long
def test_a_command_starts_others_of_its_own_package(typed: Typed, tmp_path: Path) -> None:
    """As find-k starts `train`; another package of the name lies in the folder."""
    (tmp_path / "contrastive_lab.py").write_text("raise ImportError('the other one')\n")
    code = "from contrastive_lab.launch.find_k import train; train(['--version'])"
    assert typed("python", "-P", "-c", code, cwd=tmp_path) == f"contrastive-lab {__version__}\n"
