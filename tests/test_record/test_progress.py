import os
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from contrastive_lab.record.progress import TAIL, Progress, duration, last_rows, planned_steps, progress, time_left

CONFIG = {
    "dataset": {"images": 5000},
    "batch_size": 64,
    "epochs": 10,
    "trainer": {"limit_train_batches": None, "max_steps": -1},
}


def job(folder: Path, rows: list[str], began: float, wrote: float, commands: int = 1, **config: object) -> Path:
    """A running job's folder, whose result.json is of the time `began` and whose metrics.csv is of `wrote`."""
    (folder / ".hydra").mkdir(parents=True)
    OmegaConf.save(OmegaConf.merge(CONFIG, config), folder / ".hydra" / "config.yaml")
    (folder / "result.json").write_text('{"status": "running"}')
    (folder / "command.txt").write_text("python train.py\n" * commands)
    (folder / "metrics.csv").write_text("\n".join(["step,epoch,loss,knn_top1", *rows]) + "\n")
    os.utime(folder / "result.json", (began, began))
    os.utime(folder / "metrics.csv", (wrote, wrote))
    return folder


def logged(last: int, every: int = 10) -> list[str]:
    """Rows of every tenth step, and one without a loss at the end."""
    return [*(f"{step},{step // 78},{5 - step / 1000}," for step in range(every - 1, last, every)), f"{last - 1},0,,40"]


def test_step_loss_and_time_left_of_a_running_job(tmp_path: Path) -> None:
    found = progress(job(tmp_path / "run", logged(200), began=1000.0, wrote=1100.0), now=1130.0)
    assert (found.step, found.steps) == (200, 78 * 10)  # 5000 // 64 = 78
    assert (found.loss, found.quiet, found.stale) == (5 - 0.199, 30.0, False)
    assert (found.elapsed, found.left) == (130.0, pytest.approx(580 * 100 / 200))


def test_a_resumed_job_goes_by_what_others_took(tmp_path: Path) -> None:
    run = job(tmp_path / "run", logged(390), began=1000.0, wrote=1010.0, commands=2)
    assert progress(run, now=1010.0).left is None
    assert progress(run, now=1010.0, usual=300.0).left == pytest.approx(150)  # half of the steps are left


def test_without_a_number_of_images_the_time_of_others_counts(tmp_path: Path) -> None:
    run = job(tmp_path / "run", logged(390), began=1000.0, wrote=1100.0, dataset={"images": None})
    assert (progress(run, now=1100.0, usual=300.0).steps, progress(run, now=1100.0, usual=300.0).left) == (None, 200.0)
    assert progress(run, now=1100.0, usual=50.0).left is None


@pytest.mark.parametrize(
    ("wrote", "quiet", "stale"),
    [
        (1100.0, 599.0, False),  # steps of 0.5 s: 20 intervals are 100 s
        (1100.0, 601.0, True),
        (9000.0, 601.0, False),  # steps of 40 s: 20 intervals are 8000 s
        (9000.0, 8001.0, True),
    ],
)
def test_a_job_is_stale_after_ten_minutes_and_twenty_logging_intervals(
    wrote: float, quiet: float, stale: bool, tmp_path: Path
) -> None:
    run = job(tmp_path / "run", logged(200), began=1000.0, wrote=wrote)
    assert progress(run, now=wrote + quiet).stale is stale


def test_the_final_evaluation_may_be_quiet_as_long_as_the_training_took(tmp_path: Path) -> None:
    run = job(tmp_path / "run", logged(780), began=1000.0, wrote=4000.0)
    assert not progress(run, now=4000.0 + 2999).stale
    assert progress(run, now=4000.0 + 3001).stale


def test_a_job_that_has_not_logged_is_known_by_its_start(tmp_path: Path) -> None:
    run = job(tmp_path / "run", [], began=1000.0, wrote=900.0)
    found = progress(run, now=1040.0, usual=100.0)
    assert (found.step, found.epoch, found.loss, found.left, found.quiet) == (0, None, None, 100.0, 40.0)
    (run / "metrics.csv").unlink()
    assert progress(run, now=1040.0).step == 0


@pytest.mark.parametrize(
    ("changed", "steps"),
    [
        ({}, 780),
        ({"trainer": {"limit_train_batches": 5}}, 50),
        ({"trainer": {"limit_train_batches": 0.5}}, 390),
        ({"trainer": {"max_steps": 100}}, 100),
        ({"trainer": {"max_steps": 1000}}, 780),
        ({"trainer": {"max_steps": 0}}, 0),  # as in Lightning
        ({"dataset": {"images": None}}, None),
    ],
)
def test_planned_steps_follow_the_configuration(changed: dict[str, object], steps: int | None, tmp_path: Path) -> None:
    assert planned_steps(job(tmp_path / "run", [], 0.0, 0.0, **changed), 0.0) == steps


def test_no_configuration_no_plan(tmp_path: Path) -> None:
    assert planned_steps(tmp_path, 0.0) is None


def test_the_last_rows_leave_out_what_is_half_written(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    rows = [f"{step},{step / 8}" for step in range(5000)]
    path.write_text("\n".join(["step,loss", *rows]) + "\n5000,12")
    assert path.stat().st_size > 2 * TAIL
    found = last_rows(path)
    assert found["step"].to_list() == [*range(5000 - len(found), 5000)]
    assert (found["loss"] == found["step"] / 8).all() and 100 < len(found) < 4000
    path.write_text("")
    assert last_rows(path).empty and last_rows(tmp_path / "none").empty


def running(elapsed: float, left: float | None) -> Progress:
    """A job that has run for some time."""
    return Progress(epoch=1, step=1, steps=9, loss=None, elapsed=elapsed, left=left, quiet=0.0, stale=False)


@pytest.mark.parametrize(
    ("jobs", "waiting", "usual", "together", "left"),
    [
        ([], 0, 60.0, 1, None),
        ([], 3, None, 1, None),
        ([running(5, None)], 3, None, 1, None),
        ([], 3, 60.0, 1, 180.0),
        ([running(50, 10)], 3, 80.0, 1, 10 + 3 * 80),
        ([running(50, 10), running(10, 50)], 3, 80.0, 2, (60 + 3 * 80) / 2),
        ([running(50, 10), running(10, 90)], 0, 60.0, 2, 90.0),  # not half of both: one goes on alone
        ([running(50, 10), running(10, 90)], 2, None, 2, (100 + 2 * 80) / 2),  # 60 and 100 s are 80 in the mean
        ([running(50, 10), running(1, None)], 0, None, 2, 60.0),  # one that has just begun takes what the other takes
        ([running(99, None)], 1, 60.0, 1, 60.0),  # one that takes longer than others may end at any time
    ],
)
def test_the_time_left_of_all_jobs(
    jobs: list[Progress], waiting: int, usual: float | None, together: int, left: float | None
) -> None:
    assert time_left(jobs, waiting, usual, together) == left


def test_a_time_is_told_in_its_largest_unit() -> None:
    assert [duration(seconds) for seconds in (0, 89, 90, 5399, 5400)] == ["0 s", "89 s", "2 min", "90 min", "1.5 h"]
