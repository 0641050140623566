"""metrics.csv: rows and columns as they come, and a resumed run's file."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from contrastive_lab.record.files import shortest
from contrastive_lab.record.metrics_file import MetricsFile, set_aside


def test_columns_come_as_they_are_logged_and_old_rows_are_filled(tmp_path: Path) -> None:
    logger = MetricsFile(tmp_path)
    logger.log_metrics({"epoch": 0, "loss": 2.0}, 0)
    logger.save()
    logger.log_metrics({"epoch": 0, "loss": 1.5}, 1)
    logger.log_metrics({"epoch": 0, "knn_top1": 30.0}, 1)
    logger.finalize("success")
    lines = (tmp_path / "metrics.csv").read_text().splitlines()
    assert lines == ["step,epoch,loss,knn_top1", "0,0,2.0,", "1,0,1.5,", "1,0,,30.0"]
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"]


def test_numbers_have_no_more_digits_than_they_are_known_to(tmp_path: Path) -> None:
    values = {"a": float(np.float32(37.06)), "b": 1 / 3, "c": float("nan"), "d": 1e300, "e": 5.0, "f": 2.0**24}
    logger = MetricsFile(tmp_path)
    logger.log_metrics(values, 1)
    logger.save()
    (row,) = csv.DictReader((tmp_path / "metrics.csv").read_text().splitlines())
    told = {"a": "37.06", "b": "0.3333333333333333", "c": "nan", "d": "1e+300", "e": "5.0", "f": "16777216.0"}
    assert {name: row[name] for name in told} == told
    draws = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    assert [np.float32(shortest(float(value))) for value in draws] == [*draws]  # nothing is lost


def test_a_resumed_run_drops_the_rows_behind_its_checkpoint_and_goes_on_in_the_same_columns(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    rows = [({"epoch": 0, "loss": 3.0 - step}, step) for step in range(4)]
    for folder in (whole, parts):
        folder.mkdir()
        logger = MetricsFile(folder)
        for row in rows:
            logger.log_metrics(*row)
        logger.save()
    resumed = MetricsFile(parts)
    resumed.resume(2)
    assert (parts / "metrics.csv").read_text().splitlines() == ["step,epoch,loss", "0,0,3.0", "1,0,2.0"]
    for row in rows[2:]:
        resumed.log_metrics(*row)
    resumed.save()
    assert (parts / "metrics.csv").read_bytes() == (whole / "metrics.csv").read_bytes()


def test_rows_of_a_stop_are_dropped_and_the_row_of_an_epochs_end_is_added(tmp_path: Path) -> None:
    head = ["step,epoch,loss,loss_epoch", "1,0,3.0,", "3,0,2.0,"]
    for text, step, row, left in (
        ("3,0,,2.5", 4, {"step": 3, "epoch": 0, "loss_epoch": 2.5}, ["3,0,,2.5"]),  # written before the kill
        ("", 4, {"step": 3, "epoch": 0, "loss_epoch": 2.5}, ["3,0,,2.5"]),  # killed before it was
        ("4,1,1.0,\n4,1,,1.0", 5, {}, []),  # stopped in mid-epoch, at a step that has no row
        ("5,1,1.0,\n5,1,,1.0", 6, {}, ["5,1,1.0,"]),  # at one that has
    ):
        (tmp_path / "metrics.csv").write_text("\n".join([*head, text]) + "\n")
        MetricsFile(tmp_path).resume(step, 2, row)
        assert (tmp_path / "metrics.csv").read_text().splitlines() == [*head, *left]


@pytest.mark.parametrize(
    "left", ["2", "2,0,1.", "\0" * 40, "\0" * 40 + "\n", ",,\n", "2,0\n", "2,0,1.0,7\n", "x,0,1.0\n"]
)
def test_what_a_power_cut_leaves_of_a_row_is_dropped(left: str, tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text(f"step,epoch,loss\n0,0,3.0\n1,0,2.0\n{left}")
    MetricsFile(tmp_path).resume(3)
    assert (tmp_path / "metrics.csv").read_text().splitlines() == ["step,epoch,loss", "0,0,3.0", "1,0,2.0"]


def test_rows_are_on_the_disk_once_they_are_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: dict[int, int] = {}  # of what was last synced, by its inode
    monkeypatch.setattr("os.fsync", lambda number: sizes.update({os.fstat(number).st_ino: os.fstat(number).st_size}))
    logger = MetricsFile(tmp_path)
    logger.store()
    for step in range(2):
        logger.log_metrics({"epoch": 0, "loss": 2.0}, step)
        logger.store()
        found = (tmp_path / "metrics.csv").stat()
        assert sizes[found.st_ino] == found.st_size
    assert tmp_path.stat().st_ino in sizes


def test_the_files_of_runs_that_were_given_up_keep_a_number(tmp_path: Path) -> None:
    set_aside(tmp_path)
    for text in ("first", "second"):
        (tmp_path / "metrics.csv").write_text(text)
        set_aside(tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "metrics.1.csv": "first",
        "metrics.2.csv": "second",
    }
