"""The command `find-k`: its line, the runs that it starts, and what it says at the end."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from contrastive_lab.analysis.curve import read_curve
from contrastive_lab.errors import ConfigError, RunError
from contrastive_lab.launch import find_k
from contrastive_lab.launch.find_k import check, check_kind, pilot, read_asked, train
from contrastive_lab.launch.plan import digest
from contrastive_lab.launch.preflight import preflight
from contrastive_lab.program import variables
from tests.conftest import TINY, command

SMALL = ("dataset=fashion_mnist_mini", "batch_size=64")


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The lines of `train` that would run."""
    found = list[list[str]]()
    monkeypatch.setattr(find_k, "train", lambda arguments: found.append([*arguments]))
    return found


def asked(*arguments: str) -> find_k.Asked:
    return read_asked(["find-k", *arguments])


def test_a_line_is_the_script_s_own_settings_and_those_of_training() -> None:
    found = asked(*SMALL, "tolerance=0.5", "check=true", "seeds=3", "out=here")
    assert found == ([*SMALL, "K=63"], 0.5, True, range(3), Path("here"), find_k.CURVE)
    assert asked(*SMALL, "seed=5")[1:4] == (1.0, False, range(5, 10))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("tolerance=0", "tolerance=0: must be a number above 0, in points"),
        ("tolerance=x", "tolerance=x: must be a number above 0"),
        ("check=yes", "check=yes: must be true or false"),
        ("seeds=1", "seeds=1: must be a whole number, 2 or more"),
        ("seeds=2.5", "seeds=2.5: must be a whole number"),
        ("method=swav", "method=swav: has no negatives whose number could be found"),
        ("alpha=inf remember=0.5", "remember=0.5: stands in place of negatives"),
        ("seed=1,2", "seed=1,2: must be a whole number, the first one of all seeds"),
        ("hydra.run.dir=x", "hydra.run.dir: find-k chooses it; out=<folder>"),
        ("K=1", "K=1: must be all the negatives"),
        ("tolerence=1", "tolerence"),
        ("check=true out=x/a%b", "^out=x/a%b: check=true makes the sweep find_k-a%b, and that must be letters, digits"),
    ],
)
def test_a_bad_line_is_one_line_before_any_work(line: str, message: str, lines: list[list[str]]) -> None:
    with pytest.raises(ConfigError, match=message):
        asked(*SMALL, *line.split())
    assert not lines


def test_the_pilot_has_all_negatives_of_a_batch_or_as_many_as_were_told(lines: list[list[str]]) -> None:
    for told in (("epochs=1",), ("K=20", "epochs=3", "seed=7"), ("method=moco_v2", "K=512", "epochs=8")):
        assert pilot(asked(*SMALL, *told, "out=o")) == Path("o/pilot")
    assert lines == [
        [*SMALL, "epochs=1", "K=63", "checkpoint.keep=[]", "hydra.run.dir=o/pilot", "seed=0"],
        [*SMALL, "K=20", "epochs=3", "checkpoint.keep=[1,2]", "hydra.run.dir=o/pilot", "seed=7"],
        [*SMALL, "method=moco_v2", "K=512", "epochs=8", "checkpoint.keep=[2,4,6]", "hydra.run.dir=o/pilot", "seed=0"],
    ]


def test_checkpoints_that_were_asked_for_are_those_of_the_pilot(lines: list[list[str]]) -> None:
    pilot(asked(*SMALL, "checkpoint.keep=[2]", "out=o"))
    assert [part for part in lines[0] if part.startswith("checkpoint")] == ["checkpoint.keep=[2]"]


def test_a_check_trains_both_on_paired_seeds_and_gives_the_verdict(
    lines: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = f"find_k-o-{digest([str(tmp_path / 'somewhere' / 'o')])}"

    def written(folder: Path, x: str, margin: float) -> Path:
        assert (folder, x, margin) == (Path("outputs/sweeps") / name, "K", 0.5)
        (tmp_path / "verdict.txt").write_text("K = 16 is enough.\nn = 3.\n")
        return tmp_path / "report.html"

    monkeypatch.setattr("contrastive_lab.report.write_report", written)
    found = check(asked(*SMALL, "K=60", "out=somewhere/o", "tolerance=0.5", "seeds=3", "seed=4"), 16, 60)
    assert lines == [["-m", *SMALL, "K=16,60", "seed=4,5,6", f"sweep={name}"]]
    assert found == ["K = 16 is enough.", "n = 3.", f"The runs: {tmp_path / 'report.html'}"]


def test_checks_of_other_folders_are_other_sweeps_and_that_of_an_older_version_goes_on(
    lines: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "verdict.txt").touch()
    monkeypatch.setattr("contrastive_lab.report.write_report", lambda folder, **_: tmp_path / "report.html")

    def name(*told: str) -> str:
        check(asked(*SMALL, *told), 16, 63)
        return lines[-1][-1]

    assert len({name(f"out={out}") for out in ("a/x", "b/x", "a/../a/x")}) == 2
    _, sweep = preflight(["train.py", "-m", *SMALL, "epochs=2", "K=16,63", "seed=0,1", "sweep=find_k-x"])
    assert sweep is not None
    sweep.folder.mkdir(parents=True)
    sweep.write()
    assert name("out=a/x", "epochs=2") == "sweep=find_k-x"
    assert name("out=a/x", "epochs=3").startswith("sweep=find_k-x-")


def test_the_curve_of_the_repository_is_there() -> None:
    curve = read_curve(find_k.CURVE)
    assert curve.error > 0
    assert curve.reach["competition"] <= 1
    assert curve.settings["kind"] == ["images"]


def test_texts_get_no_number_by_a_curve_of_images_before_any_work() -> None:
    found = asked("dataset=ag_news", "method=simo", "batch_size=64")
    with pytest.raises(ConfigError) as raised:
        check_kind(found, ["images"])
    assert str(raised.value) == (
        "dataset=ag_news: has texts, and the curve is of images, which says nothing of them (docs/find_k.md); "
        "python train.py -m dataset=ag_news method=simo batch_size=64 K=1,16,63 seed=0,1,2,3,4 "
        "tells what few negatives cost, curve=<result.json> takes another curve"
    )
    with pytest.raises(ConfigError, match=" K=1,15 seed=0,1,2,3,4 tells"):
        check_kind(asked("dataset=ag_news", "method=simo", "batch_size=16"), ["images"])
    check_kind(found, ["images", "texts"])
    check_kind(asked(*SMALL), ["images"])


def test_another_file_is_no_curve(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"points_factor": 1}')
    with pytest.raises(ConfigError, match=r"curve=.*x.json: no result.json of theory=cost that .* \(KeyError"):
        read_curve(tmp_path / "x.json")


def test_training_that_fails_ends_the_search_by_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = type("Ended", (), {"returncode": 3})

    def run(line: Sequence[str], env: dict[str, str], check: bool) -> object:
        assert line == [sys.executable, "-m", "contrastive_lab", "train", "K=4"]
        assert env == {**os.environ, **variables()}  # of this package, and tells of the program that was typed
        return ended

    monkeypatch.setattr("subprocess.run", run)
    with pytest.raises(RunError, match=r"^python train.py K=4 ended with exit code 3; the same line goes on"):
        train(["K=4"])


@pytest.mark.long
def test_a_search_ends_in_a_number_a_page_and_a_check(tmp_path: Path) -> None:
    points = {"points_factor": 0.0, "points_competition": 0.0, "points_noise": 1.0}
    reach = {"reach_factor": 9.0, "reach_competition": 1.0, "reach_noise": 1.0, "left_out_error_by_causes": 2.0}
    settings = {"method": ["simo"], "loss": ["info_nce"], "dataset": ["cifar10"], "backbone": ["small_resnet"]}
    own = {"tau": [0.1], "epochs": [4], "batch_size": [64]}
    curve = points | reach | {"left_out_error_by_log_K": 1.0, "settings": {"kind": ["images"], **settings, **own}}
    (tmp_path / "result.json").write_text(json.dumps(curve))
    tiny = [part for part in TINY[1:] if not part.startswith("trainer.limit")]
    line = [
        *tiny,
        "trainer.limit_train_batches=2",
        "curve=result.json",
        "out=o",
        "check=true",
        "seeds=2",
        "tolerance=0.3",
    ]
    done = command("scripts/find_k.py", *line, cwd=tmp_path, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "is predicted to cost 0." in done.stdout
    assert "off by 2.00 points (root mean square) for arms that it was not fitted to (points for each" in done.stdout
    assert "doubling of K by 1.00), more than the tolerance" in done.stdout
    assert "This has dataset=fashion_mnist_mini, tau=0.2" in done.stdout
    assert "Saves little: the loss holds 64 x" in done.stdout
    assert (tmp_path / "o" / "find_k.html").is_file()
    runs = list((tmp_path / "outputs" / "sweeps").glob("find_k-o-*/*/result.json"))
    assert len(runs) == 4
