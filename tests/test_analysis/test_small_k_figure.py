"""Every bound is a line, the band follows the least upper bound, and the figure says what chance is."""

import math

import numpy as np
import pytest

from contrastive_lab.analysis.small_k_figure import LINES, plot_optimum, plot_small_k, winners

ROWS = [
    {
        "classes": 10,
        "draws": K + 1,
        "L_sup": 0.7,
        "bao_upper": 5.0 - K / 10,
        "bao_lower": -1.0,
        "ash": 3.0 * K,
        "coupon_exact": math.inf if K < 4 else 2.0,
    }
    for K in (1, 2, 4, 8)
]


def test_figure_has_every_bound_chance_and_what_it_means() -> None:
    figure = plot_small_k({"first": ROWS, "second": ROWS[2:]})
    first, second = figure.axes
    assert (first.get_title(), second.get_title()) == ("first", "second")
    lines = {str(line.get_label()): line for line in first.lines}
    ash = lines[LINES["ash"]["label"]]
    assert (list(np.asarray(ash.get_xdata())), list(np.asarray(ash.get_ydata()))) == ([1, 2, 4, 8], [3, 6, 12, 24])
    coupon = lines[LINES["coupon_exact"]["label"]]
    assert list(np.asarray(coupon.get_xdata())) == [4, 8]  # what is infinite is left out
    assert set(np.asarray(lines["chance, ln C"].get_ydata())) == {math.log(10)}
    assert LINES["arora_exact"]["label"] not in lines  # no such column
    assert "does not prove that\n16 negatives are enough" in figure.get_suptitle()
    assert first.get_ylim()[0] < -1


def test_band_follows_the_least_upper_bound() -> None:
    assert winners(ROWS) == [("ash", 1, 1), ("bao_upper", 2, 2), ("coupon_exact", 4, 8)]
    bands = [line for line in plot_small_k({"": ROWS}).axes[0].lines if line.get_linewidth() == 9][:-1]
    assert [line.get_color() for line in bands] == [LINES[name]["color"] for name, *_ in winners(ROWS)]
    assert [list(np.asarray(line.get_ydata())) for line in bands] == [[3.0], [4.8], [2.0, 2.0]]


def test_runs_of_one_K_count_by_their_mean() -> None:
    rows = [{"classes": 10, "draws": 5, "L_sup": loss, "bao_upper": 3 + loss, "ash": None} for loss in (0.5, 1.5)]
    (axes,) = plot_small_k({"": rows}).axes
    line = next(line for line in axes.lines if line.get_label() == LINES["L_sup"]["label"])
    assert list(np.asarray(line.get_ydata())) == [pytest.approx(1.0)]
    assert winners(rows) == [("bao_upper", 4, 4)]


def test_optimum_has_a_line_for_each_prior() -> None:
    rows = [
        {"prior": prior, "classes": 3, "K": K, "L_sup": loss / K}
        for prior, loss in (("uniform", 1), ("skewed", 2))
        for K in (4, 1, 2)
    ]
    figure = plot_optimum(rows)
    left, right = figure.axes
    assert "does not prove that\n16 negatives are enough" in figure.get_suptitle()
    uniform, skewed, chance = left.lines
    assert (uniform.get_label(), skewed.get_label()) == ("uniform, C = 3", "skewed, C = 3")
    assert list(np.asarray(skewed.get_xdata())) == [1, 2, 4]
    assert list(np.asarray(skewed.get_ydata())) == [2, 1, 0.5]
    assert set(np.asarray(chance.get_ydata())) == {math.log(3)}
    assert [list(np.asarray(line.get_ydata())) for line in right.lines] == [[1, 0.5, 0.25]] * 2


def test_a_run_has_one_K_and_its_bounds_are_points() -> None:
    """A line through one point shows nothing without a marker, and neither does the band."""
    one = {"draws": 17, "classes": 10, **{name: 2.0 + i for i, name in enumerate(LINES)}}
    (axes,) = plot_small_k({"a run": [one]}).axes
    single = [line for line in axes.lines if list(line.get_xdata()) == [16]]
    assert len(single) == len(LINES) + 1  # and the envelope
    assert all(line.get_marker() in (".", "o") for line in single)
