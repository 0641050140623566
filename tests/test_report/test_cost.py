from pathlib import Path

from contrastive_lab.report.cost import against_cost
from tests.sweep_folder import grid_of, write_sweep


def test_cost_has_a_point_for_each_setting_with_its_errors(tmp_path: Path) -> None:
    jobs = [({"K": K, "seed": s}, {"linear_top1": 80.0 + s, "seconds": K + 2.0 * s}) for K in (4, 8) for s in (0, 1)]
    grid = grid_of(write_sweep(tmp_path / "s", jobs))
    (axes,) = against_cost(grid).axes
    assert sorted(line.get_xydata().tolist() for line in axes.lines) == [[[5.0, 80.5]], [[9.0, 80.5]]]
    bars = axes.collections[0].get_segments()[0]  # of the time: its standard error is 1
    assert bars.tolist() == [[4.0, 80.5], [6.0, 80.5]]
