"""The fit of costs to their causes, against numbers that are known."""

import math

import numpy as np
import pandas as pd
import pytest

from contrastive_lab.analysis.curve import (
    Curve,
    by_causes,
    by_log_K,
    coefficients,
    coefficients_over_seeds,
    error,
    fit,
    left_out,
    over_seeds,
)
from tests.cost_rows import POINTS, made_up


def test_costs_that_are_sums_of_causes_are_found_and_predicted() -> None:
    curve = fit(rows := made_up())
    assert dict(curve.points) == pytest.approx(POINTS)
    assert curve.error == pytest.approx(0, abs=1e-9)
    assert error(rows, left_out(rows, by_causes, rows)) == pytest.approx(0, abs=1e-9)
    assert error(rows, left_out(rows, by_log_K, rows)) > 0.5
    assert curve.reach["noise"] == rows["noise"].max()
    assert curve.kinds == ["images"]


def test_an_arm_that_is_left_out_is_predicted_by_the_others_alone() -> None:
    rows = made_up()
    rows.loc[rows["arm"] == "a", "cost"] += 7
    off = left_out(rows, by_causes, rows) - rows["cost"]
    assert off[rows["arm"] == "a"].to_numpy() == pytest.approx(-7)


def test_the_coefficient_of_log_K_is_points_per_doubling() -> None:
    rows = made_up().assign(cost=lambda rows: 0.5 * np.log2(255 / rows["K"]))
    assert coefficients(rows, by_log_K) == pytest.approx([0.5])


def test_the_jackknife_of_a_mean_is_the_t_interval_of_the_seeds() -> None:
    rows = made_up().assign(cost=lambda rows: rows["seed"].map({0: 1.0, 1: 2.0, 2: 6.0}))
    found = coefficients_over_seeds(rows, lambda rows: np.ones((len(rows), 1)))
    half = 4.302653 * math.sqrt(7) / math.sqrt(3)  # 97.5 % of Student's t with 2 degrees, variance 7
    assert (found.mean[0], found.low[0], found.high[0]) == pytest.approx((3, 3 - half, 3 + half))
    one = coefficients_over_seeds(rows[rows["seed"] == 2], lambda rows: np.ones((len(rows), 1)))
    assert one.mean[0] == pytest.approx(6)
    assert math.isnan(one.low[0])


def test_settings_are_means_over_seeds_with_an_interval_of_their_cost() -> None:
    rows = made_up().assign(cost=lambda rows: rows["seed"].map({0: 1.0, 1: 2.0, 2: 6.0}))
    found = over_seeds(rows)
    assert len(found) == len(rows) / 3
    assert set(found["cost"]) == {3}
    assert found["high"].to_numpy() == pytest.approx(3 + 4.302653 * math.sqrt(7 / 3))


def test_the_error_is_of_means_over_seeds() -> None:
    rows = pd.DataFrame({"arm": ["a", "a", "b"], "K": 1, "sets": 1, "seed": [0, 1, 0], "cost": [1.0, 3.0, 5.0]})
    assert error(rows, pd.Series([2.0, 2.0, 1.0])) == pytest.approx(math.sqrt((0 + 16) / 2))


def test_a_curve_says_what_it_was_not_fitted_to() -> None:
    curve = Curve(POINTS, 0.3, {"factor": 1.0, "competition": 0.5, "noise": 0.8}, ["images"])
    assert curve.cost({"factor": 1.0, "competition": 0.5, "noise": 0.0}) == pytest.approx(1.2 + 0.5 * 3.0)
    assert curve.beyond({"factor": 1.05, "competition": 0.5, "noise": 0.0}) == []
    assert curve.beyond({"factor": 2.0, "competition": 0.5, "noise": 0.9}) == ["factor", "noise"]


def test_one_arm_is_too_few() -> None:
    rows = made_up()
    with pytest.raises(ValueError, match="of two arms or more"):
        fit(rows[rows["arm"] == "a"])
