from pathlib import Path

import pytest

from contrastive_lab.config.overrides import parse
from contrastive_lab.errors import ConfigError
from contrastive_lab.launch.line import read_line
from tests.conftest import MY_LAB


@pytest.mark.parametrize("name", ["K=4,tau=0.1", "my photos (été)=1", "it's", "a{b}", "tail "])
def test_a_path_that_is_there_is_taken_as_it_is(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    for key in ("resume", "dataset.root", "hydra.run.dir", "data_dir"):
        (override,) = parse(read_line(["train.py", f"{key}={tmp_path / name}"]).overrides)
        assert override.value() == str(tmp_path / name)
        assert not override.is_sweep_override()


def test_other_values_stay_as_they_are(tmp_path: Path) -> None:
    for root in ("a,b", tmp_path):
        told = ["K=4,16", f"dataset.root={root}", "resume='x y'", "tau=0.1"]
        assert read_line(["train.py", "-m", *told]).overrides == told


@pytest.mark.parametrize("line", [["K=4", "tau=0.1", "+K=5"], ["K=4,8", "K=5"], ["--K=4", "++K=4"]])
def test_a_key_stands_once_but_in_a_further_process(line: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Hydra takes the last; Lightning adds the folder of the run to the line of each further process."""
    with pytest.raises(ConfigError, match=r"K is given twice; leave one out$"):
        read_line(["train.py", *line])
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert read_line(["train.py", *line]).overrides[0] == line[0].lstrip("-")


def test_a_folder_may_be_below_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (override,) = parse(read_line(["train.py", "dataset.root=~/photos"]).overrides)
    assert override.value() == str(tmp_path / "photos")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("alpha=.inf", "alpha=inf"),
        ("alpha=16,.Inf,null", "alpha=16,inf,null"),
        ("theory.alphas=[null, .inf]", "theory.alphas=[null, inf]"),
        ("--alpha=.inf", "alpha=inf"),
        ("data_dir=.inf", "data_dir=.inf"),
        ("alpha=7.inf", "alpha=7.inf"),
        ("logger.name=n1", "logger.run_name=n1"),
        ("+logger.name=n1", "logger.run_name=n1"),
        ("logger.name=wandb", "logger.name=wandb"),  # a group's option, which is refused
    ],
)
def test_an_infinite_alpha_may_be_spelt_as_in_a_yaml(typed: str, meant: str) -> None:
    assert read_line(["train.py", "-m", typed]).overrides == [meant]


def test_settings_with_hyphens_are_settings() -> None:
    read = read_line(["train.py", "--K=16", "--loss.mu=3", "--cfg=job", f"--config-dir={MY_LAB}/conf", "-m"])
    told = ["K=16", "loss.mu=3", f"hydra.searchpath=['file://{MY_LAB}/conf']"]
    assert (read.overrides, read.cfg, read.multirun) == (told, "job", True)


def test_flags_may_stand_between_settings() -> None:
    read = read_line(["train.py", "method=simo", "-m", "K=4,8", "--cfg", "job", "tau=0.1,0.2"])
    assert (read.overrides, read.multirun, read.cfg) == (["method=simo", "K=4,8", "tau=0.1,0.2"], True, "job")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (["--K", "16"], "--K: no such flag; settings are key=value: K=<value>"),
        (["tau=0.1", "--cfg=foo"], "argument --cfg/-c: invalid choice: 'foo'"),
        (["--cfg"], "argument --cfg/-c: expected one argument"),
    ],
)
def test_a_wrong_flag_is_one_line(line: list[str], problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        read_line(["train.py", *line])
    assert str(caught.value).startswith(problem) and "\n" not in str(caught.value)
    assert capsys.readouterr() == ("", "")
