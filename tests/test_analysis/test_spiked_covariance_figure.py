"""The figure of `theory=spiked_covariance`: panels, and the lines of each way that n depends on d."""

import math

import pytest

from contrastive_lab.analysis.result import Row
from contrastive_lab.analysis.spiked_covariance_figure import plot


def rows(part: str, points: list[tuple[int, int]]) -> list[Row]:
    facts = {"part": part, "noise": "two", "r": 3, "sine_std": None, "sine_limit": 0.1}
    return [
        {**facts, "n": n, "d": d, "method": method, "sine": sine}
        for n, d in points
        for method, sine in (("AE", 1.5), ("CL", 0.5))
    ]


def test_a_panel_has_measured_values_limits_and_the_largest_distance() -> None:
    (axes,) = plot(rows("n", [(50, 4), (100, 4)]), ["n"]).axes
    lines = {str(line.get_label()): list(line.get_ydata()) for line in axes.get_lines()}
    assert lines["CL, n = infinity"] == [0.1, 0.1]
    assert lines["largest possible"] == pytest.approx([math.sqrt(min(3, 4 - 3))] * 2)
    assert axes.get_xlabel() == "samples n" and axes.get_title() == "noise two, d = 4, r = 3"


def test_part_d_has_a_line_for_fixed_n_and_one_for_n_that_grows() -> None:
    (axes,) = plot(rows("d", [(20000, 20), (1000, 20), (20000, 40), (2000, 40)]), ["d"]).axes
    labels = axes.get_legend_handles_labels()[1]
    assert {"AE, n = 20,000", "AE, n = 50 d", "CL, n = 20,000", "CL, n = 50 d"} <= set(labels)
