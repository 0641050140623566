import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hydra.core.config_store import ConfigStore
from PIL import Image

from contrastive_lab.compat import hydra_parser, run_hydra
from contrastive_lab.launch import search
from contrastive_lab.launch.plan import lock
from tests.conftest import Line, command
from tests.test_launch.conftest import SMALL, stored_results

pytest.importorskip("optuna")

WORD = ("-m", "hydra/sweeper=optuna")
SPACE = ("K=choice(4,8)", "alpha=null,256", "tau=interval(0.05,0.5)", "base_lr=tag(log,interval(0.01,1))")
Type = Callable[..., Line]


@pytest.mark.parametrize(
    ("told", "answer"),
    [
        ("", "hydra/sweeper=optuna: nothing to search over; write e.g. 'K=choice(4,16,64)' 'tau=interval(0.05,0.5)'"),
        ("K=interval(1,63)", "K: must be a whole number; write K=int(interval(1,63))"),
        ("K=choice(4,300)", "K=300: more than the N-1 = 255 keys of batch_size=256; lower K or raise N"),
        ("tau=interval(-1,1)", "tau=-1.0: must be more than 0"),
        ("typo=choice(1,2)", "typo: no such key"),
        ("method=choice(simo,swav) K=4", "K=4: SwAV has no negatives"),
        ("K=4,8 hydra/sweeper/sampler=random", "hydra/sweeper/sampler: no such group; write hydra.sweeper.sampler=ran"),
        ("K=4,8 experiment=eqco/fig4", "experiment=eqco/fig4: has a grid of its own; leave out hydra/sweeper=optuna"),
        ("K=4,8 hydra.sweep.dir=x", "hydra.sweep.dir=x: a sweep's folder is outputs/sweeps/<name>"),
        ("hydra.sweeper.params.K=choice(4,300)", "K=300: more than"),
        ("hydra.sweeper.params={K:'choice(4,300)'}", "K=300: more than"),
        ("K=4,8 hydra.sweeper.n_trials=0", "hydra.sweeper.n_trials=0: must be 1 or more"),
    ],
)
def test_what_cannot_run_is_a_line_before_any_work(told: str, answer: str, line: Type, tmp_path: Path) -> None:
    done = line(*WORD, *told.split())
    assert (done.code, done.out) == (2, "") and done.err.startswith(f"error: {answer}")
    assert done.err.count("\n") == 1 and [*tmp_path.iterdir()] == []


def test_without_m_and_without_optuna_the_line_says_what_to_type(line: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    assert line("hydra/sweeper=optuna", "K=4").err == "error: hydra/sweeper=optuna: with -m alone\n"
    monkeypatch.setattr(search, "find_spec", lambda name: None)
    done = line(*WORD, "K=4,8")
    assert (done.code, done.err) == (2, "error: hydra/sweeper=optuna: not installed; pip install optuna\n")


def test_an_installed_plugin_of_the_same_name_changes_nothing(line: Type) -> None:
    ConfigStore.instance().store(group="hydra/sweeper", name="optuna", node={"of": "hydra-optuna-sweeper"})
    done = line("hydra/sweeper=optuna", "--cfg", "hydra")
    assert done.code == 0 and "    n_trials: 20\n" in done.out and "hydra-optuna-sweeper" not in done.out


def test_jobs_of_an_iterator_are_asked_for_when_those_before_are_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main.yaml").write_text("a: 1\ndefaults: [_self_, override hydra/job_logging: none]\n")
    told = list[str | int]()

    def jobs() -> Iterator[list[str]]:
        for a in (6, 7, 8):
            told.append(f"asked for {a}")
            yield [f"a={a}"]

    run_hydra(lambda config: told.append(config.a), hydra_parser().parse_args(["-m", "a=0"]), tmp_path, "main", jobs())
    assert told == ["asked for 6", 6, "asked for 7", 7, "asked for 8", 8]


def test_a_large_space_is_checked_key_by_key(line: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST", 3)
    done = line(*WORD, *SPACE[1:], "K=4,8,300", "batch_size=64")
    assert done.err == "error: K=300: more than the N-1 = 63 keys of batch_size=64; lower K or raise N\n"


def test_images_without_labels_need_a_metric(line: Type, tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(tmp_path / "photos" / f"{number}.png")
    done = line(*WORD, "K=2,4", "dataset=image_folder", "dataset.root=photos", "batch_size=8")
    assert done.code == 2 and "hydra.sweeper.metric=effective_rank hydra.sweeper.direction=maximize" in done.err
    assert done.err.startswith("error: hydra.sweeper.metric: dataset=image_folder has no labels to test linear_top1")


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch, no_report: None) -> None:
    """Each job fails at once, as where nothing can be trained."""

    def fail(*_: object) -> None:
        raise RuntimeError("no training here")

    monkeypatch.setattr("contrastive_lab.launch.jobs.train", fail)


@pytest.mark.long
def test_another_line_takes_no_folder_of_a_search(untrained: None, line: Type, tmp_path: Path) -> None:
    told = (*WORD, "sweep=s", "K=4,8", "tau=interval(0.1,0.5)", "hydra.sweeper.n_trials=2")
    assert "2 of 2 jobs are not done; the same line goes on" in line(*told).err
    kept = (tmp_path / "outputs" / "sweeps" / "s" / "sweep.json").read_text()
    for others, answer in {
        ("-m", "sweep=s", "K=4,8"): "error: sweep=s: outputs/sweeps/s holds a search; choose another sweep=<name>\n",
        (*told, "seed=1"): "error: sweep=s: outputs/sweeps/s holds another search (seed: null, not 1); choose another",
        (*told, "hydra.sweeper.seed=1"): "(hydra.sweeper.seed: 0, not 1)",
    }.items():
        done = line(*others)
        assert done.code == 2 and answer in done.err
    with lock(tmp_path / "outputs" / "sweeps" / "s"):
        done = line(*told)
        assert (done.code, done.err) == (2, "error: another process is at work in outputs/sweeps/s\n")
    assert (tmp_path / "outputs" / "sweeps" / "s" / "sweep.json").read_text() == kept
    assert line("-m", "sweep=grid", "K=4,8").code == 1
    done = line(*WORD, "sweep=grid", "K=4,8")
    assert done.code == 2 and "outputs/sweeps/grid holds a sweep without a search" in done.err


@pytest.mark.long
def test_it_trains_goes_on_and_ends_in_the_report_of_a_sweep(line: Type, tmp_path: Path) -> None:
    told = (*WORD, "method=simo", *SPACE, *SMALL[1:], "hydra.sweeper.n_trials=2")
    done = line(*told)
    assert done.code == 0, done.err
    first = stored_results(tmp_path)
    assert len(first) == 2 and all(result["status"] == "done" for result in first.values())
    assert {result["K"] for result in first.values()} <= {4, 8}
    (folder,) = (tmp_path / "outputs" / "sweeps").iterdir()
    best = max(first, key=lambda name: first[name]["linear_top1"])
    assert f"\nbest       {best}: linear_top1 = {first[best]['linear_top1']:g}, the highest of 2 trials" in done.out
    runs = (folder / "report" / "runs.csv").read_text().splitlines()
    assert len(runs) == 3 and {"K", "alpha", "tau", "base_lr", "linear_top1"} <= {*runs[0].split(",")}
    again = line(*told)
    assert again.code == 0 and "2 trials in" in again.out and "2 done before" in again.out
    assert stored_results(tmp_path) == first
    assert line(*told[:-1], "hydra.sweeper.n_trials=3").code == 0
    assert {**(later := stored_results(tmp_path)), **first} == later and len(later) == 3
    assert len(json.loads((folder / "sweep.json").read_text())["jobs"]) == 3


@pytest.mark.long
def test_two_trials_at_a_time(tmp_path: Path) -> None:
    """In a process of its own: joblib keeps its workers, and the folder that they started in."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    side = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=3")
    done = command(*WORD, "method=simo", *SPACE, *SMALL[1:], *side, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [result["status"] for result in stored_results(tmp_path).values()] == ["done"] * 3
