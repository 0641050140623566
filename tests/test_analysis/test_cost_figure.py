"""The figures of `theory=cost` show what the table holds."""

import pandas as pd
import pytest
from matplotlib.container import BarContainer, ErrorbarContainer

from contrastive_lab.analysis.cost_figure import predicted_against_seen, split
from contrastive_lab.analysis.curve import Curve
from tests.cost_rows import LOST, POINTS, made_up

CURVE = Curve(POINTS, 0.1, dict.fromkeys(POINTS, 1.0))


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


def test_the_bars_of_a_setting_are_its_causes_in_points() -> None:
    figure = split(made_up(), CURVE)
    bars = [each for each in figure.axes[0].containers if isinstance(each, BarContainer)]
    assert len(bars) == 2 * len(POINTS)  # to the right of 0 and, of what fewer keys have more of, to the left
    widths = [sum(bar[0].get_width() for bar in bars[2 * i : 2 * i + 2]) for i in range(3)]
    assert widths == pytest.approx([points * lost for points, lost in zip(POINTS.values(), LOST["a"][1], strict=True)])
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()][:2] == ["a, K = 1", "a, K = 16"]


def test_what_few_keys_gain_lies_left_of_nought() -> None:
    figure = split(made_up().assign(noise=-0.5), CURVE)
    bars = [each for each in figure.axes[0].containers if isinstance(each, BarContainer)]
    assert bars[5][0].get_width() == pytest.approx(-1.0)
