"""What may happen around a sweep: odd names, a full disk, Ctrl-C, another process, a damaged file."""

import fcntl
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from contrastive_lab.errors import ConfigError
from contrastive_lab.launch.command_line import preflight
from contrastive_lab.launch.plan import Sweep
from tests.conftest import TINY, Line

Type = Callable[..., Line]
SMALL = [*TINY, "trainer.limit_train_batches=2", "evaluation.epochs=1"]


pytestmark = pytest.mark.usefixtures("no_report")


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Sweep]:
    """The sweep that a line plans."""
    monkeypatch.chdir(tmp_path)

    def plan(*told: str) -> Sweep:
        monkeypatch.setattr(sys, "argv", ["train.py", "-m", *told])
        sweep = preflight(["-m", *told])
        assert sweep is not None
        return sweep

    return plan


@pytest.mark.parametrize("told", [("sweep=2026_11_21",), ("sweep=1.10",), ("sweep=true",), ("sweep='a.b'",), ()])
def test_hydra_takes_the_name_for_the_name_it_is(told: tuple[str, ...], planned: Callable[..., Sweep]) -> None:
    sweep = planned("K=4,13", *told)
    assert sweep.name == (told[0].partition("=")[2].strip("'") if told else "83e55427")  # which reads as a number
    (last,) = [override for override in sys.argv if override.startswith("sweep=")][-1:]
    assert OverridesParser.create().parse_override(last).value() == sweep.name


def test_a_date_as_a_name_is_the_folders(tmp_path: Path, line: Type) -> None:
    done = line("-m", *SMALL, "sweep=2026_11_21")
    assert done.code == 0, done.err
    assert len(list((tmp_path / "outputs/sweeps/2026_11_21").rglob("result.json"))) == 1


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        (("experiment=eqco/fig4", "scale=laptop,cifar"), "scale=laptop,cifar: an experiment has a grid for each of"),
        (
            ("K=4,8", "hydra.sweep.dir=elsewhere"),
            "hydra.sweep.dir=elsewhere: a sweep's folder is outputs/sweeps/<name>",
        ),
        (("method=glob(x*)", "K=4"), "-m: this line makes no job"),
    ],
)
def test_what_a_sweep_does_not_take(told: tuple[str, ...], problem: str, planned: Callable[..., Sweep]) -> None:
    with pytest.raises(ConfigError) as caught:
        planned(*told)
    assert problem in str(caught.value)


def test_glob_stands_for_the_options_of_a_group(planned: Callable[..., Sweep]) -> None:
    jobs = planned("method=glob(moco*)", "batch_size=64").jobs
    assert [job.folder for job in jobs] == ["batch_size=64,method=moco_v1", "batch_size=64,method=moco_v2"]


def test_a_sweep_over_scales_has_a_folder_for_each(planned: Callable[..., Sweep]) -> None:
    assert [job.folder for job in planned("scale=laptop,cifar", "K=4").jobs] == ["K=4,scale=laptop", "K=4,scale=cifar"]


def test_a_width_that_the_user_types_is_the_users(planned: Callable[..., Sweep]) -> None:
    jobs = planned("experiment=eqco/table8", "scale=cifar", "+backbone.width=2", "seed=0", "alpha=256,65536").jobs
    assert [job.folder for job in jobs] == [
        "+backbone.width=2,alpha=256,seed=0",
        "+backbone.width=2,alpha=65536,seed=0",
    ]


def test_one_run_has_no_sweep(tmp_path: Path, line: Type) -> None:
    done = line(*SMALL, "sweep=mine")
    assert (done.code, done.err) == (2, "error: sweep=mine: for several runs; python train.py -m sweep=mine\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("several", [(), ("-m",)])
@pytest.mark.parametrize("group", ["experiment", "method"])
def test_no_option_is_null(group: str, several: tuple[str, ...], line: Type) -> None:
    done = line(*several, *SMALL, f"{group}=null")
    assert (done.code, done.err) == (2, f"error: {group}=null: must be the name of an option\n")


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


@pytest.mark.parametrize("several", [(), ("-m", "sweep=s")])
def test_ctrl_c_outside_the_training_is_one_line(
    several: tuple[str, ...], tmp_path: Path, line: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("contrastive_lab.run.train.evaluate", stopped)
    done = line(*several, *SMALL)
    assert done.code == 130
    assert done.err.splitlines()[-1] == "interrupted" and "Traceback" not in done.err
    (result,) = tmp_path.rglob("result.json")
    assert json.loads(result.read_text())["status"] == "interrupted"


def test_a_damaged_result_is_named_before_any_work(tmp_path: Path, line: Type) -> None:
    told = ("-m", *SMALL, "sweep=s")
    assert line(*told).code == 0
    (path,) = tmp_path.rglob("result.json")
    path.write_text(path.read_text()[:40])
    done = line(*told)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert done.err.startswith(f"error: {path.relative_to(tmp_path)}: damaged")


def test_a_job_at_which_another_process_is_at_work_is_left_to_it(
    tmp_path: Path, line: Type, planned: Callable[..., Sweep]
) -> None:
    told = (*SMALL, "tau=0.3,0.4", "sweep=s")
    held_one, other = (tmp_path / "outputs/sweeps/s" / job.folder for job in planned(*told).jobs)
    held_one.mkdir(parents=True)
    with (held_one / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = line("-m", *told)
    assert done.code == 1
    assert f"error: another process is at work in {held_one.relative_to(tmp_path)}" in done.err
    assert "1 of 2 jobs are not done" in done.err
    assert (other / "result.json").is_file() and not (held_one / "result.json").exists()


def test_what_a_done_job_says_of_itself_is_not_written_again(tmp_path: Path, line: Type) -> None:
    told = ("-m", *SMALL, "sweep=s")
    assert line(*told).code == 0
    files = {path: path.read_bytes() for path in tmp_path.rglob(".hydra/*")}
    assert {path.name for path in files} == {"config.yaml", "hydra.yaml", "overrides.yaml"}
    again = line(*told, "checkpoint_every_n_steps=7", f"data_dir={tmp_path}")
    assert again.code == 0 and "done before" in again.out
    assert {path: path.read_bytes() for path in tmp_path.rglob(".hydra/*")} == files
