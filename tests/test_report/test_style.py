from pathlib import Path

from contrastive_lab.record.sweep import order
from contrastive_lab.report.style import error_note, styles, x_colours
from tests.sweep_folder import grid_of, seeds, write_sweep


def test_hue_has_a_colour_and_all_else_a_marker(tmp_path: Path) -> None:
    jobs = [
        job
        for K in (4, 8)
        for alpha in (None, 256)
        for tau in (0.1, 0.2)
        for job in seeds([80], K=K, alpha=alpha, tau=tau)
    ]
    grid = grid_of(write_sweep(tmp_path / "s", jobs))
    found = {grid.name(line): style for line, style in zip(grid.lines, styles(grid), strict=True)}
    one, other = found["alpha = K (InfoNCE), tau = 0.1"], found["alpha = K (InfoNCE), tau = 0.2"]
    third = found["alpha = 256, tau = 0.1"]
    assert one["color"] == other["color"] != third["color"]
    assert one["marker"] == third["marker"] != other["marker"]
    colours = x_colours(grid)
    assert list(colours) == [order(None), order(4), order(8)]
    assert len(set(colours.values())) == 3


def test_the_note_says_what_bands_and_bars_are(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s", [*seeds([80, 81, 82], K=4), *seeds([80, 81], K=8), *seeds([80], K=16)])
    assert error_note(grid_of(folder), "linear_top1").splitlines() == [
        "bands: ± 1 standard error over n = 2 to 3 seeds",
        "n = 1 in places, bars: binomial standard error of the test set, not the spread over seeds",
    ]
    assert error_note(grid_of(folder), "seconds") == ""
