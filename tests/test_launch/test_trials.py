import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from contrastive_lab.launch import trials
from contrastive_lab.launch.line import read_line
from contrastive_lab.launch.search import prepared
from contrastive_lab.launch.trials import Searched, jobs_left, outcome
from contrastive_lab.record.plan import read_plan
from contrastive_lab.record.result import Result, Status, read_result
from tests.conftest import settled

pytest.importorskip("optuna")

LINE = ["-m", "hydra/sweeper=optuna", "K=4,16", "tau=interval(0.05,0.5)", "sweep=s", "hydra.sweeper.n_trials=4"]
Read = Callable[..., Searched]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """The search of `LINE` and more, as the folder has it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outputs" / "sweeps" / "s").mkdir(parents=True)

    def read(*told: str) -> Searched:
        line = ["train.py", *settled(*LINE, *told)]
        return prepared(read_line(line), line)[1]

    return read


def run(searched: Searched, until: int = 99) -> list[list[str]]:
    """Have each trial done, up to some, with an accuracy of 100 times its tau; returns their overrides."""
    launched = list[list[str]]()
    for job in jobs_left(searched):
        launched.append(job)
        if len(launched) > until:
            break
        own = searched.sweep.jobs[-1]
        folder = searched.sweep.folder / own.folder
        folder.mkdir()
        scores = {"linear_top1": 100 * float(searched.texts(own)["tau"])}
        Result(Status.DONE, scores=scores, config_hash=own.config_hash).write(folder)
    return launched


def test_each_trial_is_written_down_before_it_is_launched(read: Read) -> None:
    searched = read("hydra/launcher=basic")
    job = next(jobs_left(searched))
    (stored,) = read_plan(searched.sweep.folder).jobs
    assert job[:2] == [f"K={searched.texts(stored)['K']}", f"tau={searched.texts(stored)['tau']}"]
    assert job[2:] == ["sweep='s'", f"hydra.sweep.subdir='{stored.folder}'"]
    assert stored.folder == ",".join(job[:2]) and read_plan(searched.sweep.folder).total == 4


def test_a_search_that_goes_on_is_what_it_would_have_been(read: Read, tmp_path: Path) -> None:
    whole = run(read())
    assert len(whole) == 4
    (tmp_path / "outputs" / "sweeps" / "s").rename(tmp_path / "whole")
    (tmp_path / "outputs" / "sweeps" / "s").mkdir()
    assert run(read(), until=2) == whole[:3]  # the third is begun
    again = read()
    assert [*jobs_left(again)][:1] == whole[2:3]
    searched = replace(again, sweep=read_plan(again.sweep.folder))
    assert [job.folder for job in searched.sweep.jobs][:3] == [job[-1].split("'")[1] for job in whole[:3]]


def test_more_trials_go_on_where_fewer_ended(read: Read) -> None:
    run(read())
    assert run(read()) == []
    more = read("hydra.sweeper.n_trials=6")
    assert len(run(more)) == 2 and len(read_plan(more.sweep.folder).jobs) == 6


def test_the_best_is_said_with_the_line_that_tries_it_again(read: Read) -> None:
    searched = read("seed=3", "hydra/launcher=basic")
    run(searched)
    best = max(searched.sweep.jobs, key=lambda job: float(searched.texts(job)["tau"]))
    texts = searched.texts(best)
    said, problems = outcome(searched)
    assert problems == []
    assert f"best       {best.folder}: linear_top1 = {100 * float(texts['tau']):g}, the highest of 4" in said[0]
    assert said[1].endswith(f"python train.py -m K={texts['K']} tau={texts['tau']} seed=4,5,6")
    (searched.sweep.folder / best.folder / "result.json").write_text(json.dumps({"status": "failed"}))
    assert best.folder not in outcome(searched)[0][0]


def test_less_of_a_logged_metric_can_be_the_best(read: Read) -> None:
    searched = read("hydra.sweeper.metric=gradient_norm", "hydra.sweeper.direction=minimize")
    for number, job in enumerate(jobs_left(searched)):
        assert job
        own = searched.sweep.jobs[-1]
        folder = searched.sweep.folder / own.folder
        folder.mkdir()
        Result(Status.DONE, config_hash=own.config_hash).write(folder)
        (folder / "metrics.csv").write_text(f"step,gradient_norm\n0,9\n1,{5 - number}\n")
    assert f"{searched.sweep.jobs[3].folder}: gradient_norm = 2, the lowest of 4" in outcome(searched)[0][0]


def test_without_a_value_there_are_no_more_trials_and_the_end_says_what_there_is(read: Read) -> None:
    searched = read("hydra.sweeper.metric=rank_effective", "hydra.sweeper.direction=maximize")
    assert len(run(searched)) == 1
    assert outcome(searched) == (
        [],
        ["hydra.sweeper.metric=rank_effective: no trial has it; there are linear_top1"],
    )


def test_settings_that_do_not_go_together_count_as_a_failure(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a space with too many settings to check all of them before."""
    searched = read("batch_size=64", "hydra.sweeper.n_trials=2")
    monkeypatch.setattr(trials, "suggested", lambda space, tried, search: {"K": f"{100 - 90 * len(tried)}", "tau": "1"})
    (job,) = run(searched)
    assert job[1] == "K=10"
    failed = read_result(searched.sweep.folder / "K=100,tau=1")
    assert failed.status is Status.FAILED and str(failed.error).startswith("K=100: more than the N-1 = 63 keys")


def test_a_search_goes_on_after_a_trial_whose_settings_do_not_go_together(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = ("batch_size=64", "hydra.sweeper.n_trials=3")
    monkeypatch.setattr(trials, "suggested", lambda space, tried, search: {"K": f"{100 - 45 * len(tried)}", "tau": "1"})
    run(read(*told), until=1)  # the third is begun
    again = read(*told)
    hashed = {job.folder: bool(job.config_hash) for job in again.sweep.jobs}
    assert hashed == {"K=100,tau=1": False, "K=55,tau=1": True, "K=10,tau=1": True}
    assert [job[1] for job in run(again)] == ["K=10"]
    path = again.sweep.folder / "sweep.json"
    path.write_text(path.read_text().replace('"K=100"', '"K=63"'))  # now they do, as where lost images came back
    assert next(jobs_left(read(*told)))[1] == "K=63"
