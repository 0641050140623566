"""The line of `contrastive-lab`, and what all commands have in common."""

import ast
import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from contrastive_lab import __version__
from contrastive_lab.commands import enter, main, names
from contrastive_lab.config.identity import MOVED
from contrastive_lab.config.values import key_and_value
from contrastive_lab.launch.script import PLACES
from tests.conftest import ROOT

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _console(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/contrastive-lab"])


def told(capsys: Capture, *arguments: str) -> tuple[int, str, str]:
    try:
        code = main(arguments)
    except SystemExit as end:  # of Hydra's and argparse's help
        code = int(end.code or 0)
    return code, *capsys.readouterr()


def test_help_has_a_line_for_every_command(capsys: Capture) -> None:
    code, out, err = told(capsys, "--help")
    assert (code, err) == (0, "")
    rows = [row.split(maxsplit=1) for row in out.partition("Commands\n")[2].partition("\n\n")[0].splitlines()]
    assert dict(rows) == {
        name: str(import_module(f"contrastive_lab.commands.{name.replace('-', '_')}").__doc__).partition("\n")[0]
        for name in names()
    }
    assert max(map(len, out.splitlines())) <= 120


@pytest.mark.parametrize("name", names())
def test_every_command_answers_help_with_its_settings_as_they_are_typed(name: str, capsys: Capture) -> None:
    code, out, err = told(capsys, name, "--help")
    assert (code, err) == (0, "")
    assert f"contrastive-lab {name} " in out and "scripts/" not in out
    for form in getattr(import_module(f"contrastive_lab.commands.{name.replace('-', '_')}"), "FORMS", {}):
        assert f"\n  {form}" in out


@pytest.mark.parametrize("line", [["--version"], *([name, "--version"] for name in names())], ids=" ".join)
def test_the_version_is_ours(line: list[str], capsys: Capture) -> None:
    assert told(capsys, *line) == (0, f"contrastive-lab {__version__}\n", "")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ([], "<command>: needed; choose one of bench, curves, "),
        (["trian", "K=4"], "trian: no such command; did you mean train? choose one of bench, curves, "),
        (["K=4"], "K=4: stands behind a command, e.g. contrastive-lab train K=4; contrastive-lab --help"),
        (["-m"], "-m: stands behind a command, e.g. contrastive-lab train -m; "),
        (["__init__"], "__init__: no such command"),
        (["train", "fo=1"], "fo: no such key; contrastive-lab train --help lists them all"),
        (["find_k", "sweep=x"], "sweep: find-k chooses it"),
        (["train", "theory=coupon"], "theory=coupon: not of train; contrastive-lab theory theory=coupon"),
        (["theory", "theory=coupon", "foo=1"], "foo: no such key; contrastive-lab theory theory=<name> --help"),
    ],
)
def test_a_wrong_line_is_one_line(line: list[str], message: str, capsys: Capture) -> None:
    code, out, err = told(capsys, *line)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"error: {message}")


def test_a_command_has_its_line_with_its_own_word_first(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr("contrastive_lab.commands.find_k.main", lambda line: seen.append([*line]) or 3)
    assert main(["find_k", "a=b"]) == 3 == enter("find-k", ["scripts/find_k.py", "a=b"])
    assert seen == [["find-k", "a=b"], ["scripts/find_k.py", "a=b"]]


def test_help_and_the_checks_before_any_work_import_nothing_heavy(tmp_path: Path) -> None:
    """What a line says comes before torch, Lightning and pandas do, also of lines that are right."""
    code = """
import contextlib, io, os, sys
from contrastive_lab.commands import enter, main, names
from contrastive_lab.launch.command_line import prepare
from contrastive_lab.launch.preflight import preflight
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    codes = [main(['--help'])]
    for name in names():
        with contextlib.suppress(SystemExit):
            codes.append(enter(name, [name, '--help']))
    wrong = [enter('train', ['train', 'k=4']), enter('export', ['export', 'run=x'])]
prepare()
one, none = preflight(['train', 'method=simo', 'K=16', 'alpha=65536'])
_, sweep = preflight(['train', '-m', 'method=simo,moco_v2', 'K=4,16', 'sweep=s'])
heavy = 'torch torchvision torchmetrics pytorch_lightning lightning_fabric pandas scipy matplotlib wandb sklearn timm'
print({*codes}, wrong, one, none, len(sweep.jobs), {*heavy.split()} & {*sys.modules})
"""
    command = [sys.executable, "-c", code]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    one = ["method=simo", "K=16", "alpha=65536", "hydra.output_subdir=null"]
    assert (done.stdout, done.stderr) == (f"{{0}} [2, 2] {one} None 4 set()\n", "")


def test_the_places_of_a_line_are_those_that_a_stored_run_takes_anew() -> None:
    of_detect = ["data.root", "data.workers"]
    assert [key_and_value(form)[0] for form in PLACES] + of_detect == [*MOVED]


def test_what_a_wheel_holds_of_the_checkout_is_found_inside_of_the_package(tmp_path: Path) -> None:
    """A package with conf/ in it, as a wheel has it, beside another conf/."""
    config = tmp_path / "contrastive_lab" / "config" / "__init__.py"
    config.parent.mkdir(parents=True)
    shutil.copy(ROOT / "contrastive_lab" / "config" / "__init__.py", config)
    (tmp_path / "conf").mkdir()
    for inside in (False, True):
        if inside:
            (tmp_path / "contrastive_lab" / "conf").mkdir()
        found = {"__file__": str(config)}
        exec(compile(ast.parse(config.read_text()), str(config), "exec"), found)
        assert Path(found["CONF"]) == (tmp_path / "contrastive_lab" / "conf" if inside else tmp_path / "conf")
