import os
import sys
import textwrap
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from contrastive_lab.config import FURTHER, plugins
from contrastive_lab.config.plugins import ALLOWED, LIBRARIES, allow, in_one_line, is_plugin, refused
from contrastive_lab.errors import ConfigError
from tests.conftest import ROOT

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Write a package that can be imported, and is forgotten after the test."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, text: str) -> Path:
        for known in [module for module in sys.modules if module.partition(".")[0] == name]:
            monkeypatch.delitem(sys.modules, known)
        monkeypatch.setitem(sys.modules, name, None)  # so that what is imported instead is taken away again
        del sys.modules[name]
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(textwrap.dedent(text))
        return tmp_path / name

    return write


def test_what_is_defined_in_a_package_that_was_typed_may_be_called(make: Make) -> None:
    make("their_lab", "from os import mkdir\nimport subprocess\nclass Net: ...\ndef data(): ...\nnumber = 3\n")
    hint = "only what conf/ names there is called; plugins=[their_lab] allows their_lab, whose code then runs"
    assert refused("their_lab.Net") == hint and "their_lab" not in sys.modules  # not imported to find out
    allow(["their_lab"])
    assert [refused(f"their_lab.{name}") for name in ("Net", "data")] == [None, None]
    assert is_plugin("their_lab.Net") and not is_plugin("contrastive_lab.method.SiMo")
    others = ("mkdir", "subprocess.Popen", "number")
    assert {refused(f"their_lab.{name}") for name in others} == {"not a class or function of their_lab"}
    assert refused("their_lab.Nett") == "their_lab has no Nett; did you mean Net?"
    assert refused("their_lab2.Net") == hint.replace("their_lab", "their_lab2")
    allow([])
    assert refused("their_lab.Net") == hint


@pytest.mark.parametrize("package", ["os", "subprocess", "builtins", "torch", "torch.hub", "contrastive_lab.record"])
def test_python_and_libraries_are_no_plugins(package: str) -> None:
    with pytest.raises(ConfigError, match=rf"^plugins=\[{package}\]: of Python or of a library of this project"):
        allow([package])
    assert "plugins=" not in str(refused(f"{package}.load"))  # no line asks for it either


def test_the_libraries_are_those_that_the_project_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {line.partition(">")[0].strip().replace("-", "_") for line in project["dependencies"]}
    imported = {"hydra_core": "hydra", "scikit_learn": "sklearn"}
    assert {imported.get(name, name) for name in names} | {"contrastive_lab"} == LIBRARIES


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("def (", r"cannot be imported \(SyntaxError: .*, .*__init__.py:1\)"),
        ("\nx = 1 / 0", r"cannot be imported \(ZeroDivisionError: division by zero, .*__init__.py:2\)"),
        (
            "import not_there_at_all",
            r"cannot be imported \(ModuleNotFoundError: No module named 'not_there_at_all', .*",
        ),
        ("raise SystemExit(3)", r"cannot be imported \(SystemExit: 3, .*__init__.py:1\)"),
    ],
)
def test_a_package_that_cannot_be_imported_is_one_line_with_its_place(text: str, problem: str, make: Make) -> None:
    make("broken_lab", text)
    with pytest.raises(ConfigError, match=rf"^plugins=\[broken_lab\]: {problem}$") as caught:
        allow(["broken_lab"])
    assert "\n" not in str(caught.value)
    assert os.environ[ALLOWED] == ""


@pytest.mark.parametrize(
    ("package", "problem"),
    [
        ("no_such_lab", "no module named no_such_lab; pip install it, or put the folder that it lies in on PYTHONPATH"),
        ("a b", "must be names of packages"),
        ("../lab", "must be names of packages"),
        ("", "must be names of packages"),
    ],
)
def test_a_word_that_is_no_package_is_one_line(package: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        allow([package])
    assert str(caught.value).startswith(f"plugins=[{package}]: {problem}")


def test_an_entry_point_allows_what_a_yaml_of_the_line_names(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing else of the package: a run's folder from elsewhere must not choose what it calls."""
    make("installed_lab", "class Net: ...\ndef wipe(folder): ...\n")
    monkeypatch.setattr(plugins, "_installed", lambda: {"installed_lab"})
    (tmp_path / "conf" / "backbone").mkdir(parents=True)
    (tmp_path / "conf" / "backbone" / "net.yaml").write_text("_target_: installed_lab.Net\n")
    assert "plugins=[installed_lab]" in str(refused("installed_lab.Net"))
    monkeypatch.setenv(FURTHER, str(tmp_path / "conf"))
    assert refused("installed_lab.Net") is None
    assert "plugins=[installed_lab]" in str(refused("installed_lab.wipe"))


def test_entry_points_are_read_of_what_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "my_lab-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-lab\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[contrastive_lab.plugins]\nmy_lab = their_lab.sub\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert plugins._installed.__wrapped__() == {"their_lab"}


def test_an_error_of_a_plugin_is_one_line_of_its_key(make: Make) -> None:
    make("failing_lab", "def data():\n    raise KeyError('labels')\n")
    allow(["failing_lab"])
    place = r"^dataset=x: KeyError: 'labels', .*failing_lab/__init__.py:2$"
    with pytest.raises(ConfigError, match=place), in_one_line("dataset=x", "failing_lab.data"):
        sys.modules["failing_lab"].data()
    with pytest.raises(KeyError), in_one_line("dataset=x", "contrastive_lab.dataset.embedded"):
        raise KeyError("ours stays as it is")
