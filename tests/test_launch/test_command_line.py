import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from contrastive_lab.config import options
from contrastive_lab.config.schema import GROUPS
from contrastive_lab.errors import RunError
from contrastive_lab.launch import command_line as command_line_module
from contrastive_lab.launch.command_line import Task, command_line, theory_line
from contrastive_lab.record.plan import Plan, read_plan
from tests.conftest import ROOT, TINY, Line, command, only_run
from tests.sweep_folder import write_run
from tests.test_launch.conftest import SMALL, stored_results

Type = Callable[..., Line]

pytestmark = pytest.mark.usefixtures("no_report")


def test_exit_codes(tmp_path: Path, entered: Callable[..., Line]) -> None:
    def fail(config: DictConfig) -> None:
        raise RunError("not finite at step 3: loss")

    def ends(task: Task, *line: str) -> tuple[int, list[str]]:
        done = entered("train.py", lambda: command_line(task, ["train.py", *line]))
        return done.code, done.err.splitlines()

    found: list[int] = []
    assert ends(lambda config: found.append(config.K), "K=4") == (0, [])
    assert found == [4]
    code, errors = ends(fail, "K=4")
    assert (code, errors[-1]) == (1, "error: not finite at step 3: loss")
    problems = ["error: K=0: must be 1 or more", "error: tau=0.0: must be more than 0"]
    assert ends(lambda config: pytest.fail("work was started"), "K=0", "tau=0") == (2, problems)


def test_each_line_of_a_process_has_a_new_folder(tmp_path: Path, entered: Callable[..., Line]) -> None:
    found: list[str] = []

    def task(config: DictConfig) -> None:
        found.append(HydraConfig.get().runtime.output_dir)
        (Path(found[-1]) / ".hydra").mkdir()
        (Path(found[-1]) / ".hydra" / "config.yaml").touch()  # a run is there

    for K in ("K=4", "K=5"):
        done = entered("train.py", lambda K=K: command_line(task, ["train.py", K]))
        assert (done.code, done.err) == (0, "")
    assert len({*found}) == 2 and all(Path(folder).is_relative_to(tmp_path / "outputs") for folder in found)


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        (("method.share=batch",), "method.share: no such key; did you mean method.negatives_per?"),
        (("scale/laptop=npid",), "scale/laptop: no such group; did you mean scale?"),
        (("K=0",), "K=0: must be 1 or more"),
        (("K=4,8",), "K=4,8: several values need a multirun: -m K=4,8"),
    ],
)
@pytest.mark.parametrize("question", ["--help", "--cfg=job", "--info=defaults"])
def test_a_question_with_a_wrong_key_or_value_is_an_error(
    question: str, told: tuple[str, ...], problem: str, line: Type
) -> None:
    assert line(*told, question) == (2, "", f"error: {problem}\n")


def test_a_question_is_answered(line: Type) -> None:
    assert "K: 300\n" in line("K=300", "--cfg=job").out  # that 300 do not fit shows when a run is asked for
    assert line("--cfg=job", "-m").err == "error: -m: not with --cfg and --info, which tell of a single job\n"


def test_help_lists_the_groups_that_a_line_takes(line: Type, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        line("-m", "K=4,8", "--help")
    told = capsys.readouterr().out.partition("Groups (group=option)\n")[2].partition("\n\n")[0]
    groups = told.replace("\n  ", " ").splitlines()
    assert {group: names.split(", ") for group, names in (line.split(": ") for line in groups)} == {
        group: options(group) for group in GROUPS
    }
    assert "scale: cifar, laptop, paper" in groups


def test_help_of_a_program_of_the_theory_tells_what_its_settings_are(
    entered: Callable[..., Line], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        entered("theory.py", lambda: theory_line(print, sys.argv, "text"), "theory=bounds", "--help")
    told = " ".join(capsys.readouterr().out.split())
    assert "theory.passes=10 times the test images are dealt into batches of K + 1, with new views (1 or more)" in told


def test_a_wrong_setting_of_the_theory_is_one_line_before_its_program_starts(entered: Callable[..., Line]) -> None:
    never: Task = lambda config: pytest.fail("work was started")  # noqa: E731
    for told, problem in (
        (("theory=coupon", "theory.K=-1"), "theory.K=-1: must be 0 or more"),
        (("-m", "theory=coupon", "theory.K=1,-1"), "theory.K=-1: must be 0 or more"),
        (("theory=coupon", "foo=1"), "foo: no such key; python scripts/theory.py theory=<name> --help lists them all"),
        (("theory=coupn",), "theory=coupn: no such option; did you mean coupon? choose one of "),
        (("--cfg=job",), "theory=<name>: needed; one of bounds, competition, "),
    ):
        done = entered("theory.py", lambda: theory_line(never, sys.argv, "text"), *told)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert done.err.startswith(f"error: {problem}")


def test_two_processes_do_not_do_other_jobs_in_one_sweep(tmp_path: Path, line: Type) -> None:
    folder = tmp_path / "outputs" / "sweeps" / "s"
    folder.mkdir(parents=True)
    (folder / "sweep.json").write_text('{"jobs": []}')
    with (folder / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        done = line("-m", *SMALL, "K=4", "sweep=s")
    assert done.code == 2
    assert done.err.startswith("error: sweep=s: another process does other jobs in outputs/sweeps/s; choose another")
    assert Plan("s") == read_plan(folder)


@pytest.mark.long
def test_a_date_as_a_name_is_the_stored_results(tmp_path: Path, line: Type) -> None:
    done = line("-m", *SMALL, "sweep=2026_11_21")
    assert done.code == 0, done.err
    assert len(list((tmp_path / "outputs/sweeps/2026_11_21").rglob("result.json"))) == 1


def test_the_page_of_a_sweep_may_be_followed_and_is_no_part_of_its_line(
    line: Type, entered: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    @contextmanager
    def followed(folder: Path) -> Iterator[Callable[[], None]]:
        seen.extend([folder, json.loads((folder / "sweep.json").read_text())["overrides"]])
        yield lambda: seen.append("stopped")
        seen.append("over")

    monkeypatch.setattr(command_line_module, "followed", followed)
    monkeypatch.setattr("contrastive_lab.launch.jobs.report", lambda folder: seen.append("a report") or [])
    told = ["train.py", "-m", *SMALL, "sweep=s", "serve=true"]
    entered("train.py", lambda: command_line(lambda config: seen.append("a job"), told))
    assert seen == [Path("outputs/sweeps/s"), [*SMALL, "sweep=s"], "a job", "stopped", "a report", "over"]
    assert line(*SMALL, "serve=true") == (2, "", "error: serve=true: with -m alone, for a sweep has a page\n")


def test_a_page_that_has_nothing_to_follow_is_not_served_which_is_said(
    planned: Callable[..., Plan], line: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command_line_module, "followed", lambda folder: pytest.fail("a page was served"))
    told = (*SMALL, "sweep=s")
    (job,) = (plan := planned(*told)).jobs
    write_run(plan.folder / job.folder, {"config_hash": job.config_hash})
    done = line("-m", *told, "serve=true")
    assert done.code == 0, done.err
    page = "python scripts/report.py sweep=outputs/sweeps/s serve=true serves the page"
    assert f"\nserve=true: no job is left to follow; {page}\n" in done.out


@pytest.mark.parametrize("several", [(), pytest.param(("-m", "sweep=s"), marks=pytest.mark.long)])
def test_ctrl_c_outside_the_training_is_one_line(
    several: tuple[str, ...], tmp_path: Path, line: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("contrastive_lab.run.train.final_scores", stopped)
    done = line(*several, *SMALL)
    assert done.code == 130
    assert done.err.splitlines()[-1] == "interrupted" and "Traceback" not in done.err
    (result,) = tmp_path.rglob("result.json")
    assert json.loads(result.read_text())["status"] == "interrupted"


@pytest.mark.long
def test_torchrun_makes_one_run_of_its_processes(tmp_path: Path) -> None:
    told = (*TINY, "strategy=ddp_cpu", "hydra.run.dir=outputs/simo/two")
    start = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*start, str(ROOT / "train.py"), *told], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    folder = only_run(tmp_path)
    assert folder == tmp_path / "outputs/simo/two"
    assert json.loads((folder / "result.json").read_text())["status"] == "done"
    assert [path.parent for path in tmp_path.rglob(".hydra")] == [folder]
    assert len((folder / "command.txt").read_text().splitlines()) == 1


@pytest.mark.long
@pytest.mark.parametrize("launcher", ["joblib", "submitit_local"])
def test_other_launchers_give_every_job_its_own_folder_and_K(launcher: str, tmp_path: Path) -> None:
    jobs = "hydra.launcher.n_jobs=2" if launcher == "joblib" else "hydra.launcher.timeout_min=5"
    told = ("-m", *SMALL, "K=4,8,16,32", f"hydra/launcher={launcher}", jobs, "sweep=s")
    done = command(*told, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    results = stored_results(tmp_path)
    assert sorted(result["K"] for result in results.values()) == [4, 8, 16, 32]
    assert all(name == f"K={result['K']}" and result["status"] == "done" for name, result in results.items())
    again = command(*told, cwd=tmp_path)
    assert again.returncode == 0
    assert stored_results(tmp_path) == results
