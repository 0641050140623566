"""The fit of costs to their causes, against numbers that are known."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from omegaconf import DictConfig

from contrastive_lab.analysis.curve import (
    Curve,
    Matrix,
    by_causes,
    by_log_K,
    coefficients,
    error,
    errors,
    fit,
    left_out,
    of_other_arms,
    over_seeds,
    over_seeds_left_out,
    read_curve,
    settings_of,
    whole_seeds,
)
from contrastive_lab.launch.find_k import CURVE
from contrastive_lab.record.files import read_json
from tests.cost_rows import POINTS, SETTINGS, made_up


def test_costs_that_are_sums_of_causes_are_found_and_predicted() -> None:
    curve = fit(rows := made_up())
    assert dict(curve.points) == pytest.approx(POINTS)
    assert curve.error == pytest.approx(0, abs=1e-9)
    assert error(rows, left_out(rows, by_causes, rows)) == pytest.approx(0, abs=1e-9)
    assert error(rows, left_out(rows, by_log_K, rows)) > 0.5
    assert curve.reach["noise"] == rows["noise"].max()
    assert curve.settings == {name: [value] for name, value in SETTINGS.items()}
    assert curve.doubling_error == pytest.approx(error(rows, left_out(rows, by_log_K, rows)))


def test_an_arm_that_is_left_out_is_predicted_by_the_others_alone() -> None:
    rows = made_up()
    rows.loc[rows["arm"] == "a", "cost"] += 7
    off = left_out(rows, by_causes, rows) - rows["cost"]
    assert off[rows["arm"] == "a"].to_numpy() == pytest.approx(-7)


def test_a_K_costs_what_it_costs_the_other_arms_on_average() -> None:
    rows = made_up()
    more = pd.concat([rows, rows[(rows["arm"] == "b") & (rows["K"] == 1)].assign(seed=9)])  # an arm counts once
    means = rows.groupby(["arm", "K"])["cost"].mean()
    found = of_other_arms(rows, more)
    for arm, K, cost in zip(rows["arm"], rows["K"], found, strict=True):
        assert cost == pytest.approx(sum(means[other, K] for other in "abcd" if other != arm) / 3)
    new = rows.assign(arm="new", K=4).iloc[:2]
    assert of_other_arms(new, rows).isna().all()
    assert of_other_arms(new.assign(K=16), rows).to_list() == pytest.approx([means[:, 16].mean()] * 2)


def test_the_coefficient_of_log_K_is_points_per_doubling() -> None:
    rows = made_up().assign(cost=lambda rows: 0.5 * np.log2(255 / rows["K"]))
    assert coefficients(rows, by_log_K) == pytest.approx([0.5])


def test_the_jackknife_of_a_mean_is_the_t_interval_of_the_seeds() -> None:
    rows = made_up().assign(cost=lambda rows: rows["seed"].map({0: 1.0, 1: 2.0, 2: 6.0}))
    found = over_seeds_left_out(rows, mean)
    half = 4.302653 * math.sqrt(7) / math.sqrt(3)  # 97.5 % of Student's t with 2 degrees, variance 7
    assert (found.mean[0], found.low[0], found.high[0]) == pytest.approx((3, 3 - half, 3 + half))
    one = over_seeds_left_out(rows[rows["seed"] == 2], mean)
    assert one.mean[0] == pytest.approx(6)
    assert math.isnan(one.low[0])


def test_a_seed_that_lacks_settings_counts_for_the_mean_and_not_for_its_interval() -> None:
    rows = made_up().assign(cost=lambda rows: rows["seed"].map({0: 1.0, 1: 2.0, 2: 6.0}))
    more = rows[(rows["arm"] == "a") & (rows["K"] == 1)].iloc[:1].assign(seed=3, cost=103.0)
    found = over_seeds_left_out(pd.concat([rows, more]), mean)
    assert found.mean[0] == pytest.approx(3 + 100 / (len(rows) + 1))
    assert found.high[0] - found.mean[0] == pytest.approx(4.302653 * math.sqrt(7 / 3))


def test_without_two_seeds_that_have_all_settings_there_is_no_interval() -> None:
    rows = made_up(2)
    found = over_seeds_left_out(rows[(rows["seed"] == 0) | (rows["arm"] == "a")], mean)
    assert (whole_seeds(rows), math.isfinite(found.mean[0]), math.isnan(found.low[0])) == ([0, 1], True, True)
    other = rows.assign(arm=lambda rows: rows["arm"].where(rows["seed"] == 0, "other " + rows["arm"]))
    assert whole_seeds(other) == []  # as many rows, of other arms
    assert math.isnan(over_seeds_left_out(other, mean).high[0])


def mean(rows: pd.DataFrame) -> Matrix:
    return coefficients(rows, lambda rows: np.ones((len(rows), 1)))


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
    curve = Curve(POINTS, 0.3, 0.2, {"factor": 1.0, "competition": 0.5, "noise": 0.8}, {})
    assert curve.cost({"factor": 1.0, "competition": 0.5, "noise": 0.0}) == pytest.approx(1.2 + 0.5 * 3.0)
    assert curve.beyond({"factor": 1.05, "competition": 0.5, "noise": 0.0}) == []
    assert curve.beyond({"factor": 2.0, "competition": 0.5, "noise": 0.9}) == ["factor", "noise"]


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({}, ", as this is in these."),
        ({"dataset": "b", "tau": None}, ", as this is in these."),
        ({"tau": 0.25, "epochs": 10}, ". This has tau=0.25, epochs=10: how well it holds there is not known."),
    ],
)
def test_a_curve_says_which_settings_of_a_run_are_not_its_own(own: dict[str, object], said: str) -> None:
    told: dict[str, object] = {"method": "m", "loss": "l", "dataset": "a", "backbone": "c", "tau": 0.1, "epochs": 4}
    told["batch_size"] = 256
    settings: dict[str, list[object]] = {name: [value] for name, value in told.items()} | {"dataset": ["a", "b"]}
    of = "method=m, loss=l, dataset=a or b, backbone=c, tau=0.1, epochs=4, batch_size=256"
    assert Curve(POINTS, 0.3, 0.2, {}, settings).beside(told | own) == f"The curve is of {of}{said}"


def test_the_settings_of_a_run_are_those_of_its_line(compose: Callable[..., DictConfig]) -> None:
    line = ("method=simo", "dataset=cifar10", "scale=laptop")
    found = settings_of(compose(*line, "tau=0.3", "epochs=7", "batch_size=32"))
    own = {"method": "simo", "loss": "info_nce", "dataset": "cifar10", "backbone": "small_resnet", "tau": 0.3}
    own |= {"epochs": 7, "batch_size": 32}
    assert found == {"kind": "images", **own}
    assert settings_of(compose(*line, "loss=spectral"))["tau"] is None


def test_the_curve_that_ships_is_the_fit_of_the_table_beside_it() -> None:
    rows = pd.read_csv(CURVE.with_name("table.csv"))
    found, stored = fit(rows), read_curve(CURVE)
    assert found.settings == stored.settings
    assert (found.points, found.reach) == (pytest.approx(stored.points), pytest.approx(stored.reach))
    assert (found.error, found.doubling_error) == pytest.approx((stored.error, stored.doubling_error))
    more = over_seeds_left_out(rows, lambda some: -np.diff(errors(some)))
    assert read_json(CURVE)["left_out_error_more_by_causes_low"] == pytest.approx(more.low[0])


def test_one_arm_is_too_few() -> None:
    rows = made_up()
    with pytest.raises(ValueError, match="of two arms or more"):
        fit(rows[rows["arm"] == "a"])
