"""The figures of `theory=bounds`: what is plotted where."""

import math

import numpy as np
import pytest

from contrastive_lab.analysis.bounds_figure import HIGHEST, by_setting, plot_closed_form, plot_run, plot_sweep
from contrastive_lab.analysis.result import Row
from contrastive_lab.theory.bounds.collapsed import collapsed_terms
from contrastive_lab.theory.bounds.terms import columns


def row(draws: int, **facts: object) -> Row:
    start = {"method": "simo", "dataset": "none", "run": "first", "alpha": "K", "tau": 0.5}
    accuracies = {"linear_top1": 50.0, "mean_top1": 40.0}
    return {**start, "classes": 5, "draws": draws, **accuracies, **columns(collapsed_terms(draws, 5)), **facts}


def test_a_line_leaves_out_what_is_infinite_and_the_axis_what_is_higher_than_the_papers() -> None:
    (axes,) = plot_closed_form([row(N) for N in (4, 5, 16)]).axes  # below 5 draws no bound on 5 classes is finite
    lines = {str(line.get_label()): line.get_ydata() for line in axes.get_lines()}
    assert math.isnan(lines["coupon bound"][0])
    assert lines["coupon bound"][2] == row(16)["coupon_exact"]
    assert axes.get_ylim()[1] <= HIGHEST


def test_a_point_of_a_sweep_is_the_mean_of_its_runs() -> None:
    rows = [row(6, linear_top1=50.0), row(6, linear_top1=60.0), row(16, linear_top1=None)]
    above, _ = plot_sweep(rows).axes
    assert above.get_lines()[0].get_ydata()[0] == 55
    assert above.get_title() == "simo on none\nalpha = K, tau = 0.5"


def test_the_bars_of_a_run_add_up_to_the_lower_bounds() -> None:
    one = row(16)
    left, right = plot_run(one).axes
    ends = [line.get_xdata()[0] for line in left.get_lines()[:2]]
    assert ends == pytest.approx([one["arora_lower"], one["coupon_lower"]])  # d = 0 here
    assert right.get_xscale() == "symlog"
    assert np.asarray(right.get_lines()[-1].get_xdata())[0] == math.log(5)


def test_every_figure_has_chance_and_says_what_it_does_not_prove() -> None:
    several = [row(6), row(16)]
    for figure, place in ((plot_closed_form(several), 0), (plot_sweep(several), 1), (plot_run(row(16)), 1)):
        assert "does not prove that\n16 negatives are enough" in figure.get_suptitle()
        (chance,) = (line for line in figure.axes[place].get_lines() if line.get_label() == "chance, ln C")
        assert math.log(5) in {*np.ravel(chance.get_data())}


def test_runs_of_another_loss_have_a_panel_of_their_own() -> None:
    plain, other = row(6, loss="loss = info_nce"), row(6, loss="loss = hard, sets = 3")
    assert list(by_setting([plain, other, row(16)])) == [
        "simo on none\nalpha = K, tau = 0.5",
        "simo on none\nalpha = K, tau = 0.5\nloss = hard, sets = 3",
    ]
