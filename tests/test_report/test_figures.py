import math
from pathlib import Path
from typing import Any

import pytest

from contrastive_lab.launch.experiment import load
from contrastive_lab.report.figures import against_cost, against_x
from tests.sweep_folder import grid_of, seeds, write_sweep


def test_the_figure_shows_means_bands_and_the_paper_in_a_panel_of_its_own(report: Path) -> None:
    ours, papers, coverage = against_x(grid_of(report.parents[1]), "linear_top1").axes
    lines = {str(line.get_label()): line for line in ours.lines}
    assert lines["alpha = K"].get_xydata().tolist() == [[4, 81], [16, 84]]
    assert lines["alpha = 256"].get_xydata().tolist() == [[4, 83.5]]
    assert lines["on ours, Fashion-MNIST mini"].get_xydata().tolist() == [[4, 77.7], [16, 79.9]]
    half = 4.302653 / math.sqrt(3)  # t of 2 degrees, 97.5 %
    band = ours.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((81 - half, 81 + half))
    assert "n = 1 for some" in ours.get_title(loc="left")
    assert [line.get_ydata().tolist() for line in papers.lines] == [[67.5, 68.1]]
    assert coverage.lines[0].get_ydata()[0] == 0  # 5 draws cannot hold 10 classes


def test_an_experiment_may_say_that_its_x_is_the_number_of_draws(tmp_path: Path) -> None:
    folder = write_sweep(
        tmp_path / "s", [*seeds([80], batch_size=10), *seeds([81], batch_size=40)], experiment=load("coupon/cifar10")
    )
    *_, coverage = against_x(grid_of(folder), "linear_top1").axes
    assert coverage.lines[0].get_ydata()[0] == pytest.approx(math.factorial(10) / 10**10, rel=1e-8)
    assert "in N draws" in str(coverage.lines[0].get_label())
    without = write_sweep(tmp_path / "t", [*seeds([80], batch_size=10), *seeds([81], batch_size=40)])
    axes = against_x(grid_of(without, x="batch_size"), "linear_top1").axes
    assert len(axes) == 1


def test_coverage_with_as_many_draws_as_classes_is_a_permutation(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s", [*seeds([80, 81], K=9), *seeds([80, 81], K=90)])
    *_, coverage = against_x(grid_of(folder), "linear_top1").axes
    assert coverage.lines[0].get_ydata()[0] == pytest.approx(math.factorial(10) / 10**10, rel=1e-8)
    unknown = [(told, {**(result or {}), "dataset": "photos"}) for told, result in seeds([80], K=9) + seeds([81], K=90)]
    assert len(against_x(grid_of(write_sweep(tmp_path / "t", unknown)), "linear_top1").axes) == 1


def test_cost_has_a_point_for_each_setting_with_its_errors(tmp_path: Path) -> None:
    jobs = [({"K": K, "seed": s}, {"linear_top1": 80.0 + s, "seconds": K + 2.0 * s}) for K in (4, 8) for s in (0, 1)]
    grid = grid_of(write_sweep(tmp_path / "s", jobs))
    (axes,) = against_cost(grid).axes
    points, across, _ = axes.collections
    assert points.get_offsets().tolist() == [[5.0, 80.5], [9.0, 80.5]]
    bars = across.get_segments()[0]  # of the time: its standard error is 1, t 12.706
    assert bars.tolist() == [[pytest.approx(5 - 12.706205), 80.5], [pytest.approx(5 + 12.706205), 80.5]]


def test_two_dozen_lines_are_plotted_without_bands_and_more_without_a_legend(tmp_path: Path) -> None:
    def axes(lines: int) -> Any:
        jobs = [job for tau in range(lines) for K in (4, 8) for job in seeds([80, 81], K=K, tau=tau)]
        grid = grid_of(write_sweep(tmp_path / f"{lines}", jobs))
        return against_x(grid, "linear_top1").axes[0]

    few, some, many = axes(6), axes(24), axes(25)
    bands = [[c for c in axes.collections if any(len(path) for path in c.get_paths())] for axes in (few, some)]
    assert [*map(len, bands)] == [6, 0]
    assert len(some.get_legend().get_texts()) == 24 + 1
    assert [text.get_text() for text in many.get_legend().get_texts()] == ["coverage: all 10 classes in K + 1 draws"]
    assert many.texts[0].get_text() == "25 lines, named in the csv"


def test_the_axis_of_losses_is_of_their_names(tmp_path: Path) -> None:
    jobs = [*seeds([80, 81], loss="spectral"), *seeds([82, 83], loss="hard")]
    figure = against_x(grid_of(write_sweep(tmp_path / "s", jobs), x="loss"), "linear_top1")
    assert figure.axes[0].get_xlabel() == "loss"


def test_a_line_without_a_finished_run_is_not_in_the_legend(tmp_path: Path) -> None:
    jobs = [*seeds([80, 81], K=4, alpha=None), *seeds([82, 83], K=16, alpha=None), ({"K": 4, "alpha": 256}, None)]
    figure = against_x(grid_of(write_sweep(tmp_path / "s", jobs)), "linear_top1")
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts() if "alpha" in text.get_text()] == [
        "alpha\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}K"
    ]
