import math
from pathlib import Path

import pytest

from contrastive_lab.record.sweep import order
from contrastive_lab.report.plot import (
    KINDS,
    Scale,
    banded,
    error_note,
    legend_below,
    new_figure,
    save,
    styled,
    styles,
    x_colours,
)
from tests.sweep_folder import grid_of, seeds, write_sweep


def test_an_axis_is_logarithmic_over_a_factor_of_eight_and_even_where_numbers_crowd() -> None:
    assert Scale([1, 4, 16]).log
    assert not Scale([0.1, 0.2, 0.4]).log
    assert not Scale([0, 100]).log
    momentum = Scale([0, 0.9, 0.99, 0.999])
    assert [momentum.position(value) for value in momentum.values] == [0, 1, 2, 3]  # 0.99 and 0.999 would be one
    words = Scale(["sync", None, "shuffle", "sync"])
    assert [words.position(value) for value in (None, "sync", "shuffle")] == [0, 1, 2]  # words as they come
    assert Scale([4, 16, 4.0]).values == [4, 16]
    off = Scale([0.5, None, 0])  # as of remember: null has a place of its own
    assert (off.values, off.position(None), off.numbers) == ([None, 0, 0.5], 0.0, False)


def test_a_figure_is_three_files_and_equal_ones_are_equal_bytes(tmp_path: Path) -> None:
    for stem in ("a", "b"):
        with styled():
            figure = new_figure(2, 1)
            figure.subplots().plot([1, 2])
            save(figure, tmp_path / stem)
    assert {path.name for path in tmp_path.iterdir()} == {f"{stem}.{kind}" for stem in ("a", "b") for kind in KINDS}
    assert all((tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes() for kind in KINDS)


def test_infinity_has_a_place_of_its_own_behind_all_numbers() -> None:
    scale = Scale([math.inf, 16.0, 65536.0])
    assert scale.values == [16.0, 65536.0, math.inf]
    assert [scale.position(value) for value in scale.values] == [0, 1, 2]


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
    one, other = found["alpha = K, tau = 0.1"], found["alpha = K, tau = 0.2"]
    third = found["alpha = 256, tau = 0.1"]
    assert one["color"] == other["color"] != third["color"]
    assert one["marker"] == third["marker"] != other["marker"]
    colours = x_colours(grid)
    assert list(colours) == [order(None), order(4), order(8)]
    assert len(set(colours.values())) == 3


@pytest.mark.parametrize("keys", [("tau",), ("tau", "optim.lr")])
def test_twelve_lines_look_different(keys: tuple[str, ...], tmp_path: Path) -> None:
    told = [{"tau": i} if len(keys) == 1 else {"tau": i % 3, "optim.lr": i // 3} for i in range(12)]
    jobs = [({"K": K, **each}, None) for K in (4, 8) for each in told]
    looks = styles(grid_of(write_sweep(tmp_path / "s", jobs)))
    assert len({(look["color"], look["marker"]) for look in looks}) == 12


def test_more_than_six_lines_have_no_bands_and_the_note_says_so(tmp_path: Path) -> None:
    jobs = [job for K in (4, 8) for tau in range(7) for job in seeds([80, 81], K=K, tau=tau)]
    grid = grid_of(write_sweep(tmp_path / "s", jobs))
    assert not banded(grid) and error_note(grid, "linear_top1").startswith("means of n = 2 seeds; with 7 lines the")


def test_the_note_says_what_bands_and_bars_are(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s", [*seeds([80, 81, 82], K=4), *seeds([80, 81], K=8), *seeds([80], K=16)])
    assert error_note(grid_of(folder), "linear_top1").splitlines() == [
        "bands: 95 % t interval over n = 2 to 3 seeds",
        "n = 1 for some, bars: 95 % binomial interval",
        "(Wilson) of the test images, not the spread over",
        "seeds",
    ]
    assert error_note(grid_of(folder), "seconds") == ""
    words = write_sweep(tmp_path / "t", [*seeds([80, 81], loss="hard"), *seeds([80, 82], loss="spectral")])
    assert error_note(grid_of(words), "linear_top1") == "bars: 95 % t interval over n = 2 seeds"


@pytest.mark.parametrize("lines", [1, 12, 24])
def test_a_legend_is_whole_in_the_left_half_of_a_figure(lines: int) -> None:
    """Names of 40 letters; 3.7 inches are the 355 pixels of a window of 400 at the figure's own size."""
    figure = new_figure(7.5, 5)
    axes = figure.subplots()
    for i in range(lines):
        axes.plot([0, 1], [i, i], label=f"alpha = 65536, base_lr = 0.12, tau = {i:.3f}")
    figure.set_size_inches(7.5, 4.6 + legend_below(axes))
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in axes.get_legend().get_texts()]
    assert all(box.x0 > 0 and box.x1 < 3.7 * figure.dpi and box.y0 >= 0 for box in boxes)
    assert max(box.y1 for box in boxes) < axes.get_window_extent().y0
