"""The same line twice, one after the other or at once: each job runs once, and what is done costs next to nothing."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from contrastive_lab.config import FURTHER, folders, identity, overrides
from contrastive_lab.launch import inputs, plan, preflight
from contrastive_lab.record.plan import Plan, read_plan
from contrastive_lab.record.result import Result, Status, read_result
from tests.conftest import ROOT, Line, settled
from tests.test_launch.conftest import SMALL
from tests.test_run.test_own_images import folder as own_images

Type = Callable[..., Line]
TOLD = ("K=4,8", "seed=range(0,3)", "sweep=s")


def write_done(sweep: Plan) -> None:
    """What its jobs would leave, and its report."""
    sweep.folder.mkdir(parents=True)
    sweep.write()
    for job in sweep.jobs:
        (sweep.folder / job.folder).mkdir()
        Result(Status.DONE, config_hash=job.config_hash).write(sweep.folder / job.folder)
    (sweep.folder / "report").mkdir()
    (sweep.folder / "report" / "report.html").write_text("")


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often a result was read and a configuration made."""
    calls: Counter[str] = Counter()

    def count(module: Any, name: str) -> None:
        made = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *told: (calls.update([name]), made(*told))[1])

    count(preflight, "composed")
    count(inputs, "read_result")
    count(plan, "read_result")
    return calls


def test_a_sweep_whose_jobs_are_done_is_answered_without_making_a_configuration(
    planned: Callable[..., Plan], line: Type, counted: Counter[str]
) -> None:
    write_done(planned(*TOLD))
    counted.clear()
    done = line("-m", *TOLD)
    assert done == (
        0,
        "sweep s: 6 jobs in outputs/sweeps/s, 6 done before\nreport     outputs/sweeps/s/report/report.html\n",
        "",
    )
    assert counted == {"read_result": 2 * 6}


def test_only_jobs_that_are_not_done_are_looked_at_and_launched(
    planned: Callable[..., Plan], counted: Counter[str]
) -> None:
    write_done(sweep := planned(*TOLD))
    Result(Status.INTERRUPTED, config_hash=sweep.jobs[3].config_hash).write(sweep.folder / sweep.jobs[3].folder)
    (sweep.folder / sweep.jobs[5].folder / "result.json").unlink()
    counted.clear()
    assert planned(*TOLD) == sweep
    assert counted["composed"] == 2
    launched = [job[:-2] for job in preflight.launched(sweep)]
    assert [job[-1] for job in preflight.launched(sweep)] == [
        f"hydra.sweep.subdir='{sweep.jobs[i].folder}'" for i in (3, 5)
    ]
    assert launched == [[o for o in sweep.jobs[i].overrides if o != "sweep=s"] for i in (3, 5)]


def test_a_sweep_is_looked_at_anew_where_a_default_changed(
    planned: Callable[..., Plan], counted: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_done(planned(*TOLD))
    counted.clear()
    monkeypatch.setattr(plan, "conf_hash", lambda: "of other files")
    planned(*TOLD)
    assert counted["composed"] == 6


def test_images_in_a_folder_are_looked_at_each_time(planned: Callable[..., Plan], tmp_path: Path) -> None:
    told = ("K=4,8", "sweep=s", "dataset=image_folder", f"dataset.root={own_images(tmp_path / 'D')}", "batch_size=16")
    assert planned(*told).conf == ""


def test_the_hash_of_what_makes_configurations_changes_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "method").mkdir()
    (file := tmp_path / "method" / "a.yaml").write_text("tau: 0.1")
    monkeypatch.setenv(FURTHER, str(tmp_path))
    before = identity._hash_of.__wrapped__(folders())
    assert before == identity._hash_of.__wrapped__(folders())
    file.write_text("tau: 0.2")
    assert before != identity._hash_of.__wrapped__(folders())


def test_a_run_that_runs_is_not_resumed_beside_it(tmp_path: Path, line: Type) -> None:
    (tmp_path / "x" / ".hydra").mkdir(parents=True)
    OmegaConf.save(overrides.composed(SMALL), tmp_path / "x" / ".hydra" / "config.yaml")
    with plan.lock(tmp_path / "x"):
        done = line("resume=x")
    assert done.code == 2 and done.err.endswith("error: another process is at work in x\n")
    assert read_result(tmp_path / "x").status is Status.MISSING


@pytest.mark.long
def test_two_sweeps_at_once_run_each_job_once(tmp_path: Path) -> None:
    line = [sys.executable, str(ROOT / "train.py"), "-m", *settled(*SMALL, "K=4,8,16,32", "sweep=s")]
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    both = [
        subprocess.Popen(line, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    told = [process.communicate(timeout=240)[0] for process in both]
    folder = tmp_path / "outputs/sweeps/s"
    for job in read_plan(folder).jobs:
        assert read_result(folder / job.folder).status is Status.DONE, told
        assert len((folder / job.folder / "command.txt").read_text().splitlines()) == 1, told
        assert not (folder / job.folder / "metrics.1.csv").exists()
    for process, text in zip(both, told, strict=True):
        assert process.returncode == ("jobs are not done" in text), text
    assert min(process.returncode for process in both) == 0  # the one that ended last found all of them done
