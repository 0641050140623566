import math
from pathlib import Path

import pytest

from contrastive_lab.report.curves import during_training, mean_curve
from tests.sweep_folder import grid_of, seeds, write_sweep


def test_a_curve_is_the_mean_of_the_finished_runs_at_steps_they_share(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s", seeds([80, 81, 82], K=4))
    for seed, rows in enumerate(
        (["9,0,1.0", "19,0,2.0", "29,1,nan"], ["9,0,3.0", "19,0,5.0", "29,1,7"], ["9,0,2", "1"])
    ):
        path = folder / f"K=4,seed={seed}" / "metrics.csv"
        path.write_text("\n".join(["step,epoch,mi_estimate", *rows]) + "\n")
    grid = grid_of(folder)
    curve = mean_curve(grid, 0, "mi_estimate")
    assert curve[["n", "mean"]].to_dict("index") == {9: {"n": 3, "mean": 2.0}}
    assert curve["high"][9] == pytest.approx(2 + 4.302653 / math.sqrt(3))  # t of 2 degrees, 97.5 %
    axes, *_ = during_training(grid, "mi_estimate").axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("optimizer step", "MI estimate, nats")
