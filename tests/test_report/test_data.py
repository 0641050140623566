import csv
import math
from pathlib import Path

import pytest

from contrastive_lab.report import data
from tests.sweep_folder import grid_of, seeds, write_sweep


def test_the_table_of_a_figure_has_our_means_and_the_papers_points(report: Path) -> None:
    with (report.parent / "figures" / "linear_top1.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["K"], row["alpha"], row["mean"], row["n"], row["source"]) for row in rows] == [
        ("4", "null", "81.0", "3", "here"),
        ("4", "256", "83.5", "2", "here"),
        ("16", "null", "84.0", "1", "here"),
        ("4", "", "67.5", "", "on ImageNet, ImageNet"),
        ("16", "", "68.1", "", "on ImageNet, ImageNet"),
        ("4", "", "77.7", "", "on ours, Fashion-MNIST mini"),
        ("16", "", "79.9", "", "on ours, Fashion-MNIST mini"),
    ]
    half = 4.302653 / math.sqrt(3)  # t of 2 degrees, 97.5 %; the standard deviation is 1
    assert [float(rows[0][end]) for end in ("low", "high")] == pytest.approx([81 - half, 81 + half])


def test_the_table_of_curves_has_a_row_for_each_setting_and_step(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s", [*seeds([80, 81], K=4), *seeds([82], K=8)])
    table = data.during_training(grid_of(folder), "mi_estimate")
    assert list(table) == ["K", "step", "mean", "low", "high", "n"]
    steps = [9, 19, 29, 39, 49]
    assert table[["K", "step", "n"]].to_numpy().tolist() == [[K, s, n] for K, n in ((4, 2), (8, 1)) for s in steps]
    assert table["mean"].iloc[0] == 0 and table["mean"].iloc[5:].is_monotonic_increasing


def test_the_table_of_costs_has_both_sides(tmp_path: Path) -> None:
    jobs = [({"K": 4, "seed": s}, {"linear_top1": 80.0 + s, "seconds": 50.0 + 2 * s}) for s in (0, 1)]
    (row,) = data.against_cost(grid_of(write_sweep(tmp_path / "s", jobs))).to_dict("records")
    assert (row["linear_top1_mean"], row["seconds_mean"], row["seconds_n"]) == (80.5, 51.0, 2)
