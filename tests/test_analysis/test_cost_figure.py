"""The figures of `theory=cost` show what the table holds."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.container import BarContainer, ErrorbarContainer

from contrastive_lab.analysis.cost_figure import predicted_against_seen, split
from contrastive_lab.report.inference import Estimate
from tests.cost_rows import LOST, POINTS, made_up

MEANS = np.array([*POINTS.values()])
INTERVALS = Estimate(MEANS, 0.5 * MEANS, 2 * MEANS, n=5, sd=np.ones_like(MEANS))


def test_what_was_not_fitted_is_hollow_and_more_sets_are_smaller_and_by_causes_alone() -> None:
    rows = made_up().assign(by_causes=1.0, by_log_K=2.0)
    more = rows[rows["arm"] == "b"].assign(sets=4)
    other = rows[rows["arm"] == "a"].assign(arm="other", fitted=False)
    figure = predicted_against_seen(pd.concat([rows, more, other]))
    causes, log_K = figure.axes
    found = {str(each.get_label()): each[0] for each in causes.containers if isinstance(each, ErrorbarContainer)}
    assert [*found] == ["a", "b", "b, more sets", "c", "d", "other"]
    assert (found["other"].get_markerfacecolor(), found["b, more sets"].get_markersize()) == ("none", 3.5)
    assert len(log_K.containers) == 5
    assert "(arm left out)" in causes.get_title()
    assert "(tests)" in log_K.get_title()


def test_the_bars_of_a_setting_are_its_causes_in_points_with_their_intervals() -> None:
    axes = split(made_up(), INTERVALS).axes[0]
    bars = [each for each in axes.containers if isinstance(each, BarContainer)]
    assert [str(bar.get_label()) for bar in bars] == [*POINTS]
    for bar, points, lost in zip(bars, POINTS.values(), LOST["a"][1], strict=True):
        assert bar[0].get_width() == pytest.approx(points * lost)
        ((low, high),) = [part.get_segments()[0][:, 0] for part in bar.errorbar.lines[2]]
        assert (low, high) == pytest.approx((0.5 * points * lost, 2 * points * lost))
    (total,) = [line for line in axes.lines if line.get_label() == "all three"]
    assert total.get_xdata()[0] == pytest.approx(float(MEANS @ LOST["a"][1]))
    assert [text.get_text() for text in axes.get_yticklabels()][:2] == ["a, K = 1", "a, K = 16"]


def test_collisions_are_a_bar_of_the_settings_that_have_them_and_no_part_of_the_sum() -> None:
    rows, without = made_up(), split(made_up(), INTERVALS).axes[0]
    rows.loc[(rows["arm"] == "b") & (rows["K"] == 16), "collisions"] = [1.0, 2.0, 6.0]
    axes = split(rows, INTERVALS).axes[0]
    (bar,) = [each for each in axes.containers if isinstance(each, BarContainer) and each.get_label() == "collisions"]
    assert [patch.get_width() for patch in bar] == [3]
    assert round(bar[0].get_y() + bar[0].get_height() / 2) == [*LOST].index("b") * 2 + [*LOST["b"]].index(16)
    ((low, high),) = [part.get_segments()[0][:, 0] for part in bar.errorbar.lines[2]]
    half = 4.302653 * (7 / 3) ** 0.5  # 97.5 % of Student's t with 2 degrees, variance 7
    assert (low, high) == pytest.approx((3 - half, 3 + half))
    sums = [
        next(line for line in each.lines if line.get_label() == "all three").get_xdata() for each in (axes, without)
    ]
    assert np.array_equal(*sums)


def test_what_few_keys_gain_lies_left_of_nought() -> None:
    axes = split(made_up().assign(noise=-0.5), INTERVALS).axes[0]
    (noise,) = [each for each in axes.containers if isinstance(each, BarContainer) and each.get_label() == "noise"]
    assert noise[0].get_width() == pytest.approx(-0.5 * POINTS["noise"])
    ((low, high),) = [part.get_segments()[0][:, 0] for part in noise.errorbar.lines[2]]
    assert (low, high) == pytest.approx((-POINTS["noise"], -0.25 * POINTS["noise"]))
