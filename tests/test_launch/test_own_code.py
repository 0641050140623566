import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from contrastive_lab.config import CONF, folders, options
from contrastive_lab.errors import ConfigError
from contrastive_lab.launch.line import read_line
from contrastive_lab.launch.own_code import in_force, without_own_code
from tests.conftest import MY_LAB, OWN, Line

Type = Callable[..., Line]


def test_a_folder_is_searched_after_conf_and_what_lies_beside_it_can_be_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(MY_LAB)])
    assert "mine" not in options("method")
    read = read_line(["train", "--config-dir", str(MY_LAB / "conf"), "plugins=[my_lab]", "K=4"])
    assert (read.config_dir, read.overrides) == (
        None,
        ["plugins=[my_lab]", "K=4", f"hydra.searchpath=['file://{MY_LAB}/conf']"],
    )
    assert folders() == (CONF, MY_LAB / "conf") and {"mine", "simo"} <= {*options("method")}
    assert "my_lab/negatives" in options("experiment") and "eqco/fig4" in options("experiment")
    assert sys.path[-1] == str(MY_LAB) and os.environ["PYTHONPATH"].split(os.pathsep)[-1] == str(MY_LAB)
    assert read_line(["train", "K=4"]).overrides == ["K=4"] and folders() == (CONF,)


def test_hydras_searchpath_is_the_same_and_both_add_up(tmp_path: Path) -> None:
    (tmp_path / "a 'b").mkdir()
    told = in_force(str(MY_LAB / "conf"), [f'hydra.searchpath=["file://{tmp_path}/a \'b"]', "K=4"])
    assert folders() == (CONF, MY_LAB / "conf", tmp_path / "a 'b")
    assert in_force(None, told) == told and len(folders()) == 3  # as a process that a line starts gets it


def test_a_package_has_its_conf_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "packed_lab" / "conf").mkdir(parents=True)
    (tmp_path / "packed_lab" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    in_force(None, ["hydra.searchpath=[pkg://packed_lab.conf]"])
    assert folders()[1:] == (tmp_path / "packed_lab" / "conf",)


@pytest.mark.parametrize(
    ("config_dir", "overrides", "problem"),
    [
        ("no/where", [], "--config-dir no/where: no such folder"),
        (None, ["hydra.searchpath=[file://no/where]"], "hydra.searchpath no/where: no such folder"),
        (None, ["hydra.searchpath=[pkg://no_lab.conf]"], "hydra.searchpath=pkg://no_lab.conf: no such package"),
        (None, ["hydra.searchpath=[http://x]"], "hydra.searchpath=http://x: no such package; write file://<folder>"),
        (
            None,
            ["hydra.searchpath=conf"],
            "hydra.searchpath=conf: must be a list of names, e.g. hydra.searchpath=[file",
        ),
        (None, ["plugins=my_lab"], "plugins=my_lab: must be a list of names, e.g. plugins=[my_lab]"),
        (None, ["plugins=[4]"], "plugins=[4]: must be a list of names"),
        (None, ["plugins=a,b"], "plugins=a,b: must be a list of names"),
    ],
)
def test_what_is_wrong_is_one_line(config_dir: str | None, overrides: list[str], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        in_force(config_dir, overrides)
    assert str(caught.value).startswith(problem) and "\n" not in str(caught.value)


def test_an_option_that_conf_has_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    (tmp_path / "method").mkdir()
    (tmp_path / "method" / "simo.yaml").write_text("")
    with pytest.raises(ConfigError, match=r"method/simo.yaml: conf/ has this option too, and its own is taken; give"):
        in_force(str(tmp_path), [])


def test_a_line_of_a_script_is_what_is_left() -> None:
    told = ["run=x", "--config-dir", str(MY_LAB / "conf"), "plugins=[my_lab]", "evaluation=knn"]
    assert without_own_code(told) == ["run=x", "evaluation=knn"]
    assert len(folders()) == 2
    assert without_own_code(["run=x", f"--config-dir={MY_LAB}/conf", *OWN]) == ["run=x"]
    with pytest.raises(ConfigError, match=r"^--config-dir: expected one argument; write --config-dir <folder>$"):
        without_own_code(["run=x", "--config-dir"])


def test_help_and_cfg_know_the_options_of_the_folder(line: Type) -> None:
    """As Hydra ends these lines itself."""
    told = ("--config-dir", str(MY_LAB / "conf"), "plugins=[my_lab]", "method=mine", "backbone=plain_net")
    with pytest.raises(SystemExit) as end:
        line(*told, "--help")
    assert not end.value.code
    assert line(*told, "--cfg", "job").code == 0
