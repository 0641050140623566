import math
from pathlib import Path

import pytest

from contrastive_lab.record.sweep import read_sweep
from contrastive_lab.report.curves import columns, during_training, mean_curve, mean_of
from contrastive_lab.report.data import during_training as during_training_data
from tests.sweep_folder import Told, grid_of, seeds, write_sweep


def test_a_curve_is_the_mean_of_the_finished_runs_at_steps_they_share(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s", seeds([80, 81, 82], K=4))
    for seed, rows in enumerate(
        (["9,0,1.0", "19,0,2.0", "29,1,nan"], ["9,0,3.0", "19,0,5.0", "29,1,7"], ["9,0,2", "1"])
    ):
        path = folder / f"K=4,seed={seed}" / "metrics.csv"
        path.write_text("\n".join(["step,epoch,mi_estimate", *rows]) + "\n")
    grid = grid_of(folder)
    curve = mean_curve(grid, [0], "mi_estimate")
    assert curve[["n", "mean"]].to_dict("index") == {9: {"n": 3, "mean": 2.0}}
    assert curve["high"][9] == pytest.approx(2 + 4.302653 / math.sqrt(3))  # t of 2 degrees, 97.5 %
    figure = during_training(grid, "mi_estimate")
    assert figure.get_suptitle() == "simo on fashion_mnist_mini\nbands: 95 % t interval over n = 3 seeds, step by step"
    axes, *_ = figure.axes
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert band.max() - 2 == pytest.approx(4.302653 / math.sqrt(3))
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("optimizer step", "MI estimate, nats")


def test_curves_of_one_seed_say_that_they_have_no_band(tmp_path: Path) -> None:
    mixed = [*seeds([80, 81], K=4, tau=0.1), *seeds([80], K=8, tau=0.1), *seeds([80], K=4, tau=0.2)]
    for name, jobs, note in (
        ("mixed", mixed, "bands: 95 % t interval over n = 2 seeds, step by step\nn = 1 for some, no band"),
        ("single", [*seeds([80], K=4), *seeds([80], K=8)], "n = 1 seed, no band"),
        ("one line", seeds([80], K=4), "n = 1 seed, no band"),
    ):
        assert (
            during_training(grid_of(write_sweep(tmp_path / name, jobs)), "mi_estimate").get_suptitle()
            == f"simo on fashion_mnist_mini\n{note}"
        )


def test_more_than_12_lines_are_one_panel_of_means_over_them_and_that_is_said(tmp_path: Path) -> None:
    jobs = [({"K": K, "tau": tau}, {"linear_top1": 80.0}) for K in (4, 16) for tau in range(13)]
    folder = write_sweep(tmp_path / "s", jobs)
    for (told, _), run in zip(jobs, read_sweep(folder).results.index, strict=True):
        (folder / run / "metrics.csv").write_text(f"step,epoch,mi_estimate\n9,0,{told['K'] + told['tau']}\n")
    grid = grid_of(folder, x="K")
    assert columns(grid) == ["mi_estimate"]
    assert mean_of(grid, "mi_estimate").startswith(
        "13 lines are too many for a panel each: a curve is the mean over all finished runs"
    )
    figure = during_training(grid, "mi_estimate")
    (axes,) = figure.axes
    assert {str(line.get_label()): line.get_ydata().tolist() for line in axes.lines} == {"K = 4": [10], "K = 16": [22]}
    assert "13 finished runs of each K in 13 lines, no band" in figure.get_suptitle().replace("\n", " ")
    rows = during_training_data(grid, "mi_estimate")
    assert rows[["K", "step", "mean", "n"]].to_numpy().tolist() == [[4, 9, 10, 13], [16, 9, 22, 13]]
    assert rows[["low", "high"]].isna().all(axis=None)


def test_a_line_that_logged_nothing_has_no_panel_and_a_caption_no_band_that_is_not_there(tmp_path: Path) -> None:
    jobs = [({"K": K, "tau": tau, "seed": 0}, {"linear_top1": 80.0}) for K in (4, 16) for tau in (1, 2, 3)]
    folder = write_sweep(tmp_path / "s", jobs)
    for path in folder.glob("*tau=[12]/metrics.csv"):
        path.write_text("step,epoch,loss\n9,0,1\n")
    grid = grid_of(folder, x="K")
    (axes,) = during_training(grid, "mi_estimate").axes
    assert axes.get_title(loc="left") == "tau\u00a0=\u00a03"
    assert "without a band" in mean_of(grid, "mi_estimate")
    assert columns(grid) == ["mi_estimate"]
    several = grid_of(write_sweep(tmp_path / "t", seeds([80, 81], K=4)))
    assert "with a band" in mean_of(several, "mi_estimate")


@pytest.mark.parametrize(("arms", "taus"), [(8, 1), (2, 13)])
def test_the_legend_of_curves_is_whole(arms: int, taus: int, tmp_path: Path) -> None:
    """Arms of 39 letters on x: in one panel of one line, and in one of more than 12."""
    names = [f"own_class_share={i} (no false negatives)" for i in range(arms)]
    told = [{"arm": name, "base_lr": i, "tau": tau} for i, name in enumerate(names) for tau in range(taus)]
    jobs: list[Told] = [(each, {"linear_top1": 80.0}) for each in told]
    figure = during_training(grid_of(write_sweep(tmp_path / "s", jobs), x="arm"), "mi_estimate")
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for legend in figure.legends for text in legend.get_texts()]
    assert boxes and all(box.x0 > 0 and box.x1 < 4.8 * figure.dpi and box.y0 >= 0 for box in boxes)
    assert max(box.y1 for box in boxes) < figure.axes[0].get_window_extent().y0
