import fcntl
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from contrastive_lab.errors import ConfigError
from contrastive_lab.launch import experiment
from contrastive_lab.launch import jobs as sweep
from contrastive_lab.launch.command_line import preflight
from contrastive_lab.launch.plan import LONGEST, job_folder, sweep_name
from contrastive_lab.method.base import ContrastiveModule
from tests.conftest import TINY, Line, command

Type = Callable[..., Line]
SMALL = [*TINY, "trainer.limit_train_batches=3"]


@pytest.fixture(autouse=True)
def _no_report(request: pytest.FixtureRequest) -> None:
    """One test waits for it."""
    if "report" not in request.node.name:
        request.getfixturevalue("no_report")


@pytest.fixture
def fig(monkeypatch: pytest.MonkeyPatch) -> None:
    """An experiment that sets tau and sweeps over K and seed."""
    node = {
        "set": {"tau": 0.3, "head.dim": 16, "backbone.widths": [8, 16]},
        "grid": {"laptop": {"K": [4, 8], "alpha": [None, 256], "seed": [0, 1]}, "paper": {"K": [16]}},
    }
    monkeypatch.setattr(experiment, "load", lambda name: node if name == "a/fig" else {})
    monkeypatch.setattr("contrastive_lab.launch.plan.load", experiment.load)


def test_an_experiment_becomes_overrides_and_the_users_own_come_first(fig: None) -> None:
    told = ["experiment=a/fig", "K=2", "seed=0"]
    assert experiment.expand(told) == [*told, "tau=0.3", "head.dim=16", "backbone.widths=[8,16]", "alpha=null,256"]
    assert experiment.expand(["experiment=a/fig", "scale=paper"])[-1] == "K=16"
    assert experiment.expand(["K=2"]) == ["K=2"]


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


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        (["experiment=a/fig"], "experiment=a/fig: for several runs; python train.py -m experiment=a/fig"),
        (["-m", "K=4,4"], "-m: two jobs are the same run, K=4; leave one out"),
        (["-m", "experiment=a/none", "K=4,5"], "experiment=a/none: no such option"),
        (["-m", "sweep=a/b", "K=4,5"], "sweep=a/b: must be letters"),
        (["-m", "K=4,5", "strategy=ddp_cpu", "hydra/launcher=joblib"], "strategy=ddp with -m: this launcher cannot"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused(
    told: list[str], problem: str, fig: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train.py"])
    with pytest.raises(ConfigError) as caught:
        preflight(told)
    assert problem in str(caught.value)
    assert not list(tmp_path.iterdir())


def folders(cwd: Path) -> dict[str, dict[str, Any]]:
    return {path.parent.name: json.loads(path.read_text()) for path in (cwd / "outputs").rglob("*/result.json")}


def test_a_sweep_leaves_a_folder_for_each_job_and_a_report_and_is_not_run_twice(tmp_path: Path, line: Type) -> None:
    told = ("-m", *SMALL, "K=4,8", "sweep=two")
    first = line(*told)
    assert first.code == 0, first.err
    root = tmp_path / "outputs" / "sweeps" / "two"
    plan = json.loads((root / "sweep.json").read_text())
    results = folders(tmp_path)
    assert [results[job["folder"]]["K"] for job in plan["jobs"]] == [4, 8]
    assert [results[job["folder"]]["config_hash"] for job in plan["jobs"]] == [j["config_hash"] for j in plan["jobs"]]
    assert [job["name"] for job in plan["jobs"]] == ["simo-K4-a256-s0", "simo-K8-a256-s0"]
    assert plan["command"].endswith("sweep=two") and " -m " in plan["command"]
    assert "job 2 of 2" in first.out and "1 done, about" in first.out
    assert (root / "report" / "report.html").is_file() and "report.html" in first.out
    own = (root / plan["jobs"][1]["folder"] / "command.txt").read_text()
    assert "K=8" in own and "-m" not in own and "sweep" not in own

    stamps = {path: path.stat().st_mtime_ns for path in root.rglob("result.json")}
    again = line(*told)
    assert again.code == 0, again.err
    assert again.out.count("done before") == 2
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


def test_a_job_that_fails_ends_neither_the_others_nor_the_sweep(tmp_path: Path, line: Type) -> None:
    told = ("-m", *SMALL, "base_lr=1e30,0.1")
    done = line(*told)
    assert done.code == 1
    bad, good = (next(v for k, v in folders(tmp_path).items() if f"base_lr={rate}" in k) for rate in ("1e", "0.1"))
    assert (bad["status"], good["status"]) == ("failed", "done")
    assert "1 of 2 jobs are not done; the same line goes on" in done.err
    assert bad["error"] in done.err.splitlines()[-1]
    again = line(*told)
    assert again.code == 1
    assert again.out.count("done before") == 1 and "1 failed" in again.out


def test_an_unexpected_error_leaves_its_traceback_in_the_jobs_folder(
    tmp_path: Path, line: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: ContrastiveModule) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(ContrastiveModule, "after_step", broken)
    done = line("-m", *SMALL, "method=simclr", "K=4")
    assert done.code == 1
    assert "ZeroDivisionError: by nothing" in done.err
    (trace,) = tmp_path.rglob("traceback.txt")
    assert "in broken" in trace.read_text()


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
    assert [result["status"] for result in folders(tmp_path / "parts").values()] == ["interrupted"]
    rest = line(*told, cwd=tmp_path / "parts")
    assert rest.code == 0, rest.err
    timed = ("seconds", "images_per_second")
    one, other = (
        {name: {k: v for k, v in result.items() if k not in timed} for name, result in folders(tmp_path / part).items()}
        for part in ("whole", "parts")
    )
    assert one == other
    for path in (tmp_path / "whole").rglob("metrics.csv"):
        assert path.read_bytes() == (tmp_path / "parts" / path.relative_to(tmp_path / "whole")).read_bytes()


def test_a_stored_run_of_another_configuration_is_never_taken(tmp_path: Path, line: Type) -> None:
    told = ("-m", *SMALL, "K=4", "sweep=s")
    assert line(*told).code == 0
    (folder,) = (path.parent for path in tmp_path.rglob("result.json"))
    config = OmegaConf.load(folder / ".hydra" / "config.yaml")
    config.tau = 0.7  # as if the defaults had been others then
    OmegaConf.save(config, folder / ".hydra" / "config.yaml")
    result = json.loads((folder / "result.json").read_text()) | {"config_hash": "0" * 12}
    (folder / "result.json").write_text(json.dumps(result))
    refused = line(*told)
    assert refused.code == 2
    assert "holds another run (tau: 0.7, not 0.2); choose another sweep=<name>" in refused.err
    assert json.loads((folder / "result.json").read_text()) == result


def test_two_processes_are_not_let_into_one_sweep(tmp_path: Path, line: Type) -> None:
    folder = tmp_path / "outputs" / "sweeps" / "s"
    folder.mkdir(parents=True)
    with (folder / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        refused = line("-m", *SMALL, "K=4", "sweep=s")
    assert refused.code == 2
    assert refused.err == "error: another process is at work in outputs/sweeps/s\n"
    assert [path.name for path in folder.iterdir()] == [".lock"]


LOCAL = {"_target_": "hydra_plugins.hydra_submitit_launcher.submitit_launcher.LocalLauncher"}


@pytest.mark.parametrize(
    ("launcher", "threads"),
    [({"n_jobs": 1}, None), ({"n_jobs": 2}, 4), ({"n_jobs": -1}, 1), ({"n_jobs": 16}, 1), (LOCAL, 2)],
)
def test_jobs_side_by_side_share_the_threads(
    launcher: dict[str, Any], threads: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sweep.json").write_text(json.dumps({"jobs": [{}] * 4}))
    given: list[int] = []
    monkeypatch.setattr(sweep.HydraConfig, "get", lambda: OmegaConf.create({"launcher": launcher}))
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    monkeypatch.setattr("torch.set_num_threads", given.append)
    sweep.share_threads(tmp_path / "K=4")
    assert given == ([] if threads is None else [threads])


@pytest.mark.long
@pytest.mark.parametrize("launcher", ["joblib", "submitit_local"])
def test_other_launchers_give_every_job_its_own_folder_and_K(launcher: str, tmp_path: Path) -> None:
    jobs = "hydra.launcher.n_jobs=2" if launcher == "joblib" else "hydra.launcher.timeout_min=5"
    told = ("-m", *SMALL, "K=4,8,16,32", f"hydra/launcher={launcher}", jobs, "sweep=s")
    done = command(*told, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    results = folders(tmp_path)
    assert sorted(result["K"] for result in results.values()) == [4, 8, 16, 32]
    assert all(f"K={result['K']}," in name and result["status"] == "done" for name, result in results.items())
    again = command(*told, cwd=tmp_path)
    assert again.returncode == 0
    assert folders(tmp_path) == results
