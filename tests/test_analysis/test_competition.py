"""The program `theory=competition`: limits that hold for any features, and the features of a run."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contrastive_lab.errors import ConfigError
from tests.conftest import TINY, only_run
from tests.theory_programs import with_settings

experiment = with_settings("competition")


def test_all_keys_keep_everything_and_one_key_at_alpha_inf_nothing() -> None:
    rows = experiment(K=[1, 60], alphas=[None, 256.0, math.inf], taus=[0.1, 0.5], keys=60, queries=8).table
    assert len(rows) == 12
    for row in rows:
        if row["K"] == 60:
            assert (row["competition"], row["agreement"]) == pytest.approx((1, 1))
        elif row["alpha"] == "inf":
            assert (row["competition"], row["factor"]) == pytest.approx((0, 1), abs=1e-9)


def test_at_one_negative_a_larger_alpha_has_more_factor_and_less_competition() -> None:
    rows = experiment(K=[1], alphas=[1.0, 16.0, 256.0, 4096.0], taus=[0.2]).table
    factors, competition = ([row[name] for row in rows] for name in ("factor", "competition"))
    assert factors == sorted(factors)
    assert competition == sorted(competition, reverse=True)
    assert rows[0]["dispersion"] == rows[-1]["dispersion"]


def test_the_figure_has_a_column_for_each_tau_and_a_line_for_each_alpha() -> None:
    figure = experiment(K=[1, 4], taus=[0.1, 0.5]).figure
    assert len(figure.axes) == 6
    assert figure.axes[0].get_legend_handles_labels()[1] == ["alpha = K", "alpha = 256", "alpha = inf"]
    assert [axes.get_title() for axes in figure.axes[:2]] == ["tau = 0.1", "tau = 0.5"]


def test_a_run_is_measured(trained: Callable[..., str], tmp_path: Path) -> None:
    trained(*TINY, "trainer.limit_train_batches=1")
    first, second = (experiment(run=str(only_run(tmp_path)), K=[1, 64], taus=[0.2]).table for _ in range(2))
    assert first == second
    assert all(0 < row["factor"] <= 1 and row["agreement"] <= 1 for row in first)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"K": [1, 2000]}, r"theory.K=\[1,2000\]: must be at most 1020 each"),
        ({"alphas": [0.0]}, r"theory.alphas=\[0.0\]: must be"),
        ({"taus": []}, r"theory.taus=\[\]: must be a list of numbers"),
        ({"positive": 1.5}, "theory.positive=1.5: must be from 2 theory.shared - 1 = -0.94 to 1"),
        ({"keys": 1}, "theory.keys=1: must be 2 or more"),
    ],
)
def test_a_bad_setting_is_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        experiment(**settings)
