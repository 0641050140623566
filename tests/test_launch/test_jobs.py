import fcntl
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hydra.core.plugins import Plugins
from omegaconf import DictConfig, OmegaConf

from contrastive_lab.launch import jobs
from contrastive_lab.launch.command_line import Task, command_line
from contrastive_lab.method.base import ContrastiveModule
from contrastive_lab.record import load_sweep
from contrastive_lab.record.plan import Plan
from tests.conftest import TINY, Line, settled
from tests.sweep_folder import Told, write_sweep
from tests.test_launch.conftest import SMALL, stored_results

Type = Callable[..., Line]


@pytest.fixture(autouse=True)
def _no_report(request: pytest.FixtureRequest) -> None:
    """Two tests look at it."""
    if "report" not in request.node.name:
        request.getfixturevalue("no_report")


def test_a_sweep_leaves_a_folder_for_each_job_and_a_report_and_is_not_run_twice(tmp_path: Path, line: Type) -> None:
    told = ("-m", *SMALL, "K=4,8", "sweep=two")
    first = line(*told)
    assert first.code == 0, first.err
    root = tmp_path / "outputs" / "sweeps" / "two"
    plan = json.loads((root / "sweep.json").read_text())
    results = stored_results(tmp_path)
    assert [results[job["folder"]]["K"] for job in plan["jobs"]] == [4, 8]
    assert [results[job["folder"]]["config_hash"] for job in plan["jobs"]] == [j["config_hash"] for j in plan["jobs"]]
    assert [job["name"] for job in plan["jobs"]] == ["simo-K4-a256-s0", "simo-K8-a256-s0"]
    assert plan["command"].endswith("sweep=two") and " -m " in plan["command"]
    assert "job 2 of 2" in first.out and "1 done, about" in first.out
    assert (root / "report" / "report.html").is_file() and "report.html" in first.out
    own = (root / plan["jobs"][1]["folder"] / "command.txt").read_text()
    assert "K=8" in own and "-m" not in own and "sweep" not in own

    kept = [path for name in ("result.json", ".hydra/*") for path in root.rglob(name)]
    assert {path.name for path in kept} == {"result.json", "config.yaml", "hydra.yaml", "overrides.yaml"}
    stamps = {path: path.stat().st_mtime_ns for path in kept}
    again = line(*told, "checkpoint_every_n_steps=7", f"data_dir={tmp_path}")  # no part of what a run is
    assert again.code == 0, again.err
    assert "2 done before" in again.out and "job " not in again.out
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


@pytest.mark.parametrize("at_work", [True, False])
def test_a_line_that_comes_second_to_a_new_folder_leaves_the_first_ones_configuration(
    at_work: bool, tmp_path: Path, line: Type, compose: Callable[..., DictConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x" / ".hydra").mkdir(parents=True)
    OmegaConf.save(compose(*TINY, "K=4"), tmp_path / "x" / ".hydra" / "config.yaml")
    monkeypatch.setattr("contrastive_lab.launch.preflight.has_config", lambda folder: False)  # it was checked before
    before = {path: path.read_bytes() for path in (tmp_path / "x" / ".hydra").iterdir()}
    with (tmp_path / "x" / ".lock").open("w") as held:
        if at_work:
            fcntl.flock(held, fcntl.LOCK_EX)
        done = line(*TINY, "K=8", "hydra.run.dir=x")
    told = "hydra.run.dir=x: holds another run (K: 4, not 8); choose another folder"
    assert (done.code, done.err) == (2, f"error: {'another process is at work in x' if at_work else told}\n")
    assert {path: path.read_bytes() for path in (tmp_path / "x" / ".hydra").iterdir()} == before


def test_a_list_of_grids_is_launched_as_one_sweep(
    tmp_path: Path, fig: None, entered: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    launches = []
    launcher = Plugins.instance().class_name_to_class["hydra._internal.core_plugins.basic_launcher.BasicLauncher"]
    launch = launcher.launch

    def counted(self: Any, jobs: Any, initial_job_idx: int) -> Any:
        launches.append(len(jobs))
        return launch(self, jobs, initial_job_idx)

    monkeypatch.setattr(launcher, "launch", counted)
    seen: list[tuple[Any, ...]] = []
    told = ["train.py", "-m", *settled(*SMALL, "K=4"), "experiment=eqco/fig1", "seed=0", "sweep=arms"]
    task: Task = lambda config: seen.append((config.K, config.alpha, config.tau))  # noqa: E731
    assert entered("train.py", lambda: command_line(task, told)).code == 1  # which leaves no result
    assert seen == [(4, None, 0.3), (4, 256.0, 0.5)]
    table = load_sweep(tmp_path / "outputs" / "sweeps" / "arms")
    assert table["arm"].to_list() == ["InfoNCE", "tied"]
    assert launches == [2]  # all grids at once, and the job that two of them have once


@pytest.mark.long
def test_a_job_that_fails_ends_neither_the_others_nor_the_sweep(tmp_path: Path, line: Type) -> None:
    told = ("-m", *SMALL, "base_lr=1e30,0.1")
    done = line(*told)
    assert done.code == 1
    bad, good = (
        next(v for k, v in stored_results(tmp_path).items() if f"base_lr={rate}" in k) for rate in ("1e", "0.1")
    )
    assert (bad["status"], good["status"]) == ("failed", "done")
    assert "1 of 2 jobs are not done; the same line goes on" in done.err
    assert bad["error"] in done.err.splitlines()[-1]
    again = line(*told)
    assert again.code == 1
    assert "1 done before" in again.out and "1 failed" in again.out


def test_an_unexpected_error_leaves_its_traceback_in_the_jobs_folder(
    tmp_path: Path, line: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: ContrastiveModule) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(ContrastiveModule, "after_step", broken)
    done = line("-m", *SMALL, "method=simclr", "K=4", "sweep=s")
    assert done.code == 1
    assert "ZeroDivisionError: by nothing" in done.err
    (trace,) = tmp_path.rglob("traceback.txt")
    assert "in broken" in trace.read_text()


@pytest.mark.long
def test_a_sweep_that_was_interrupted_goes_on_to_the_same_numbers(
    tmp_path: Path, line: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = ("-m", *SMALL, "epochs=2", "method=simclr", "K=4,8", "sweep=s", "checkpoint_every_n_steps=1")
    whole = line(*told, cwd=tmp_path / "whole")
    assert whole.code == 0, whole.err

    def interrupted(self: ContrastiveModule) -> None:
        if self.global_step == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ContrastiveModule, "after_step", interrupted)
        with pytest.raises(SystemExit):  # what Lightning makes of it
            line(*told, cwd=tmp_path / "parts")
    assert [result["status"] for result in stored_results(tmp_path / "parts").values()] == ["interrupted"]
    rest = line(*told, cwd=tmp_path / "parts")
    assert rest.code == 0, rest.err
    timed = ("seconds", "images_per_second")
    one, other = (
        {
            name: {k: v for k, v in result.items() if k not in timed}
            for name, result in stored_results(tmp_path / part).items()
        }
        for part in ("whole", "parts")
    )
    assert one == other
    for path in (tmp_path / "whole").rglob("metrics.csv"):
        assert path.read_bytes() == (tmp_path / "parts" / path.relative_to(tmp_path / "whole")).read_bytes()


def test_jobs_that_failed_before_are_not_still_to_run(tmp_path: Path) -> None:
    failed: list[Told] = [({"K": K}, {"status": "failed", "error": "x"}) for K in (1, 2, 3)]
    done: list[Told] = [({"K": K}, {"seconds": 600.0}) for K in (4, 5)]
    folder = write_sweep(tmp_path / "s", [*failed, *done, ({"K": 6}, None)])
    assert jobs.heading(folder / "K=6") == "\njob 6 of 6  K=6  (2 done, 3 failed, about 10 min left)"
    # The second is tried again, and after it the third and the sixth.
    assert jobs.heading(folder / "K=2") == "\njob 2 of 6  K=2  (2 done, 3 failed, about 30 min left)"
    (folder / "K=3" / "result.json").write_text('{"status": "running"}')  # which has just begun, beside the second
    assert jobs.heading(folder / "K=2").endswith("  (2 done, 2 failed, 1 running, about 15 min left)")


LOCAL = {"_target_": "hydra_plugins.hydra_submitit_launcher.submitit_launcher.LocalLauncher"}


@pytest.mark.parametrize(
    ("launcher", "threads"),
    [({"n_jobs": 1}, None), ({"n_jobs": 2}, 4), ({"n_jobs": -1}, 1), ({"n_jobs": 16}, 1), (LOCAL, 2)],
)
def test_jobs_side_by_side_share_the_threads(
    launcher: dict[str, Any], threads: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sweep.json").write_text(json.dumps({"jobs": [{"folder": "a", "overrides": []}] * 4}))
    given: list[int] = []
    monkeypatch.setattr(jobs.HydraConfig, "get", lambda: OmegaConf.create({"launcher": launcher}))
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    monkeypatch.setattr("torch.set_num_threads", given.append)
    jobs.share_threads(tmp_path / "K=4")
    assert given == ([] if threads is None else [threads])


def test_a_report_that_fails_loses_no_list_of_failures(
    tmp_path: Path, line: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: Path) -> Path:
        raise OSError("disk full")

    monkeypatch.setattr("contrastive_lab.report.write_report", full)
    done = line("-m", *SMALL, "base_lr=1e30", "sweep=s")
    assert done.code == 1
    problem, count, job = done.err.splitlines()[-3:]
    assert problem.endswith("no report (OSError: disk full); python scripts/report.py sweep=outputs/sweeps/s writes it")
    assert count.strip().startswith("1 of 1 jobs are not done")
    assert "base_lr=1e+30" in job and "not finite" in job


@pytest.mark.long
def test_a_job_at_which_another_process_is_at_work_is_left_to_it(
    tmp_path: Path, line: Type, planned: Callable[..., Plan]
) -> None:
    told = (*SMALL, "tau=0.3,0.4", "sweep=s")
    held_one, other = (tmp_path / "outputs/sweeps/s" / job.folder for job in planned(*told).jobs)
    held_one.mkdir(parents=True)
    with (held_one / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = line("-m", *told)
    assert done.code == 1
    assert f"runs in another process: {held_one.relative_to(tmp_path)}" in done.out
    first, last = done.err.splitlines()[-2:]
    assert "1 of 2 jobs are not done" in first and last.strip() == f"{held_one.name}: runs in another process"
    assert (other / "result.json").is_file() and not (held_one / "result.json").exists()


def test_jobs_that_share_a_terminal_are_named_by_number(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s", [({"K": K, "seed": 0}, None) for K in (4, 16)])
    assert [jobs._name(folder / f"K={K},seed=0") for K in (4, 16)] == ["1 simo-0", "2 simo-1"]


def test_the_logs_of_submitit_are_found_in_the_folder_of_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitit = pytest.importorskip("submitit", reason="needs hydra-submitit-launcher")
    for name in ("7_0_log.out", "7_0_log.err", "8_0_log.out"):
        (tmp_path / name).write_text(name)
    (tmp_path / "job").mkdir()
    for number, err in (("7", True), ("8", False)):  # queued again, under another number
        paths = SimpleNamespace(stdout=tmp_path / f"{number}_0_log.out", stderr=tmp_path / f"{number}_0_log.err")
        monkeypatch.setattr(submitit, "JobEnvironment", lambda paths=paths: SimpleNamespace(paths=paths))
        monkeypatch.setattr(jobs, "_launcher", lambda: "hydra_plugins.hydra_submitit_launcher.x.SlurmLauncher")
        jobs.name_logs(tmp_path / "job")
        assert (tmp_path / "job" / "log.out").read_text() == f"{number}_0_log.out"
        assert (tmp_path / "job" / "log.err").exists() == err
    assert not any(path.is_symlink() for path in (tmp_path / "job").iterdir())
