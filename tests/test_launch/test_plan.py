import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from contrastive_lab.config.overrides import composed
from contrastive_lab.errors import ConfigError
from contrastive_lab.launch.plan import LONGEST, at_work, has_report, held, job_folder, lock, new_folder, sweep_name
from contrastive_lab.record.plan import Job, Plan, read_plan
from tests.conftest import ROOT


def test_a_sweep_is_named_by_the_user_the_experiment_or_its_overrides() -> None:
    assert sweep_name(["sweep=mine", "K=1,2"]) == "mine"
    assert sweep_name(["experiment=eqco/fig4"]) == "eqco_fig4-laptop"
    assert sweep_name(["experiment=eqco/fig4", "scale=cifar"]) == "eqco_fig4-cifar"
    assert sweep_name(["K=1,2", "seed=0,1"]) == sweep_name(["seed=0,1", "K=1,2"]) != sweep_name(["K=1,3", "seed=0,1"])
    for name in ("../x", "a/b", "a b", ".hidden"):
        with pytest.raises(ConfigError, match=r"sweep=.*must be letters"):
            sweep_name([f"sweep={name}"])


def test_a_jobs_folder_says_what_tells_it_from_others(fig: None) -> None:
    told = ["experiment=a/fig", "sweep=s", "scale=laptop", "data_dir=/data", "logger=wandb", "hydra/launcher=joblib"]
    assert job_folder([*told, "seed=0", "tau=0.3", "alpha=null", "K=4"]) == "K=4,alpha=null,seed=0"
    assert job_folder([*told, "K=4", "tau=0.5"]) == "K=4,tau=0.5"
    assert job_folder(["experiment=a/fig", "scale=paper", "K=16", "seed=0"]) == "seed=0"  # there K has one value
    assert job_folder(["scale=paper", "K=16"]) == "K=16,scale=paper"
    assert job_folder(["backbone.widths=[8,16]", "dataset.root=/a b/c"]) == "backbone.widths=[8,16],dataset.root=_a_b_c"
    assert job_folder(["sweep=s"]) == "default"
    long = [[f"method.key{i}={i}" for i in range(30)] + [f"z={z}"] for z in (1, 2)]
    assert len(job_folder(long[0])) == LONGEST
    assert job_folder(long[0]) != job_folder(long[1])


def test_glob_stands_for_the_options_of_a_group(planned: Callable[..., Plan]) -> None:
    jobs = planned("method=glob(moco*)", "batch_size=64").jobs
    assert [job.folder for job in jobs] == ["method=moco_v1", "method=moco_v2"]


def test_a_list_of_grids_is_one_sweep_whose_jobs_know_their_arm(fig: None, planned: Callable[..., Plan]) -> None:
    jobs = planned("experiment=eqco/fig1", "sweep=s", "method=simo").jobs
    arms = ["InfoNCE"] * 4 + ["tied"] * 2
    folders = [f"K={K},alpha=null,seed={seed},tau=0.3" for K in (4, 8) for seed in (0, 1)]
    folders += [f"K=4,alpha=256,base_lr=0.3,seed={seed},tau=0.5" for seed in (0, 1)]
    assert [(job.arm, job.folder) for job in jobs] == list(zip(arms, folders, strict=True))


def test_a_job_that_two_grids_of_an_arm_share_stands_once(fig: None, planned: Callable[..., Plan]) -> None:
    jobs = planned("experiment=eqco/fig1", "sweep=s", "seed=7", "K=4").jobs
    assert [(job.arm, job.folder) for job in jobs] == [
        ("InfoNCE", "alpha=null,tau=0.3"),
        ("tied", "alpha=256,base_lr=0.3,tau=0.5"),
    ]
    with pytest.raises(ConfigError, match="-m: two jobs are the same run"):  # of two arms
        planned("experiment=eqco/fig1", "alpha=256", "tau=0.5", "base_lr=0.3", "K=4", "seed=7", "sweep=s")


def test_a_sweep_over_scales_has_a_folder_for_each(planned: Callable[..., Plan]) -> None:
    assert [job.folder for job in planned("scale=laptop,cifar", "K=4").jobs] == ["scale=laptop", "scale=cifar"]


def test_a_job_is_named_by_what_tells_it_from_the_others(planned: Callable[..., Plan]) -> None:
    line = ("epochs=2", "method=simo", "sweep=s")
    assert [job.folder for job in planned(*line, "K=4,8", "seed=0").jobs] == ["K=4", "K=8"]
    assert [job.folder for job in planned(*line, "K=4", "seed=0").jobs] == ["K=4,epochs=2,method=simo,seed=0"]


def test_jobs_of_an_earlier_line_are_found_under_the_names_that_they_have(planned: Callable[..., Plan]) -> None:
    def named(*line: str) -> list[str]:
        sweep = planned("epochs=2", "sweep=s", *line)
        sweep.folder.mkdir(parents=True, exist_ok=True)
        sweep.write()
        for job in sweep.jobs:
            stored = sweep.folder / job.folder / ".hydra"
            stored.mkdir(parents=True, exist_ok=True)
            OmegaConf.save(composed([*job.overrides]), stored / "config.yaml")
            OmegaConf.save(OmegaConf.create([*job.overrides, "sweep='s'"]), stored / "overrides.yaml")
        return [job.folder for job in sweep.jobs]

    assert named("K=4,8", "seed=0") == ["K=4", "K=8"]
    assert named("K=4,8", "seed=0,1") == ["K=4", "K=4,seed=1", "K=8", "K=8,seed=1"]  # more seeds
    assert named("K=4,8", "seed=2") == ["K=4,epochs=2,seed=2", "K=8,epochs=2,seed=2"]  # the short names are taken
    assert named("K=4,8", "seed=0") == ["K=4", "K=8"]  # which the plan of the line before does not have


def test_a_sweep_of_an_older_version_has_its_own_names(planned: Callable[..., Plan]) -> None:
    told = [["K=4", "epochs=2", "seed=0"], ["K=8", "epochs=2", "seed=0"]]
    old = [Job(job_folder(job), "x", job, "0" * 12) for job in told]
    Path("outputs/sweeps/s").mkdir(parents=True)
    Plan("s", jobs=old).write()
    found = [job.folder for job in planned("K=4,8,16", "epochs=2", "seed=0", "sweep=s").jobs]
    assert found == ["K=4,epochs=2,seed=0", "K=8,epochs=2,seed=0", "K=16"]


def test_a_width_that_the_user_types_is_the_users(planned: Callable[..., Plan]) -> None:
    jobs = planned("experiment=eqco/table8", "scale=cifar", "backbone.width=2", "seed=0", "alpha=256,65536").jobs
    assert [job.folder for job in jobs] == ["alpha=256", "alpha=65536"]
    assert all("backbone.width=2" in job.overrides for job in jobs)


def test_new_folders_are_never_shared(tmp_path: Path) -> None:
    make = new_folder.__wrapped__
    folders = [make(str(tmp_path)) for _ in range(5)]
    assert len(set(folders)) == 5
    assert all(Path(folder).is_dir() for folder in folders)


def test_a_folder_is_held_by_one_process_until_the_file_is_closed(tmp_path: Path) -> None:
    with lock(tmp_path / "s"), pytest.raises(ConfigError, match=r"^another process is at work in .*/s$"):
        lock(tmp_path / "s")
    lock(tmp_path / "s").close()


def test_a_job_is_worked_at_until_its_process_ends_however_it_ends(tmp_path: Path) -> None:
    assert not at_work(tmp_path / "s") and not (tmp_path / "s").exists()
    code = "import sys; from pathlib import Path; from contrastive_lab.launch.plan import lock\n"
    code += "file = lock(Path(sys.argv[1])); print(flush=True); sys.stdin.read()"
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "s")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    with other:
        assert other.stdout is not None and other.stdout.readline()
        assert at_work(tmp_path / "s")
        other.kill()
        other.wait()
    assert not at_work(tmp_path / "s")


def test_a_job_that_is_looked_at_can_be_begun(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    folder.mkdir()
    with (folder / ".lock").open("w") as look, ThreadPoolExecutor(1) as pool:
        fcntl.flock(look, fcntl.LOCK_SH)
        assert not at_work(folder)  # of two that look, neither takes the other for one that works
        ended = pool.submit(lambda: time.sleep(0.01) or fcntl.flock(look, fcntl.LOCK_UN))
        lock(folder).close()
        ended.result()
        fcntl.flock(look, fcntl.LOCK_SH)
        begun = time.monotonic()
        with pytest.raises(ConfigError, match="another process is at work"):
            lock(folder)
        assert time.monotonic() - begun >= 0.05


def test_a_forked_process_holds_nothing_of_one_that_is_killed(tmp_path: Path) -> None:
    """As a worker of a DataLoader, which sees only after seconds that its run is gone."""
    code = "import os, sys; from pathlib import Path; from contrastive_lab.launch.plan import lock\n"
    code += "file = lock(Path(sys.argv[1])); child = os.fork()\n"
    code += "if child: print(child, flush=True)\n"
    code += "sys.stdin.read()"
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    with other:
        assert other.stdout is not None
        child = int(other.stdout.readline())
        assert at_work(tmp_path)
        other.kill()
        other.wait()
        os.kill(child, 0)  # it is there, until its standard input ends
        lock(tmp_path).close()


def test_processes_hold_a_sweep_together_if_they_do_the_same_jobs(planned: Callable[..., Plan]) -> None:
    sweep = planned("K=4,8", "sweep=s")
    with held(sweep):
        written = (sweep.folder / "sweep.json").stat().st_mtime_ns
        with held(replace(sweep, command="python train.py typed anew")):
            assert (sweep.folder / "sweep.json").stat().st_mtime_ns == written
        with pytest.raises(ConfigError, match=r"^sweep=s: another process does other jobs in outputs/sweeps/s"):
            held(planned("K=4,16", "sweep=s"))
    with held(planned("K=4,16", "sweep=s")):
        assert [job.folder for job in read_plan(sweep.folder).jobs] == ["K=4", "K=16"]


def test_a_report_counts_while_it_is_newer_than_what_it_is_made_of(planned: Callable[..., Plan]) -> None:
    sweep = planned("K=4,8", "sweep=s")
    page, files = sweep.folder / "report/report.html", [sweep.folder / "sweep.json"]
    files += [sweep.folder / job.folder / "result.json" for job in sweep.jobs]
    for seconds, path in enumerate((*files, page)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
        os.utime(path, (seconds, seconds))
    assert has_report(sweep)
    for path in files:
        os.utime(path, (10, 10))
        assert not has_report(sweep)
        os.utime(path, (0, 0))
    page.unlink()
    assert not has_report(sweep)
