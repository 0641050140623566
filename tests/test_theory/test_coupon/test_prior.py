"""Bad input to the functions of the coupon collector."""

import math

import pytest

from contrastive_lab.theory.coupon.collision import (
    collision_probability,
    expected_log_collisions,
    expected_log_collisions_without_replacement,
)
from contrastive_lab.theory.coupon.draws import (
    coverage_probability,
    coverage_without_replacement,
    distinct_law,
    expected_draws,
    missing_probability,
    smallest_draws,
    variance_of_draws,
)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: coverage_probability(-1, 3), "draws=-1"),
        (lambda: coverage_probability(3), "either classes or probs"),
        (lambda: coverage_probability(3, 2, [0.5, 0.5]), "either classes or probs"),
        (lambda: coverage_probability(3, 0), "classes=0"),
        (lambda: expected_draws(probs=[0.5, 0.4]), "must sum to 1, not 0.9"),
        (lambda: expected_draws(probs=[0.5, 0.0, 0.5]), "class 1 has 0; leave empty classes out"),
        (lambda: variance_of_draws(probs=[1.5, -0.5]), "class 1 has -0.5"),
        (lambda: variance_of_draws(probs=[0.5, math.nan]), "class 1 has nan"),
        (lambda: expected_draws(probs=[]), "one probability per class"),
        (lambda: coverage_probability(3.5, 3), "draws=3.5: must be a whole number, 0 or more"),  # type: ignore[arg-type]
        (lambda: coverage_probability(math.nan, 3), "draws=nan: must be a whole number"),  # type: ignore[arg-type]
        (lambda: coverage_probability(3, 2.5), "classes=2.5: must be a whole number"),  # type: ignore[arg-type]
        (lambda: collision_probability(math.nan, 3), "K=nan"),  # type: ignore[arg-type]
        (lambda: expected_log_collisions(2.5, 3), "K=2.5"),  # type: ignore[arg-type]
        (lambda: coverage_without_replacement(5, [math.inf, 3]), "whole numbers"),
        (lambda: smallest_draws(0.0, 3), "coverage=0.0: must be above 0 and below 1"),
        (lambda: smallest_draws(1.0, 3), "coverage=1.0"),
        (lambda: missing_probability(-1, 3), "draws=-1"),
        (lambda: distinct_law(-2, 3), "draws=-2"),
        (lambda: distinct_law(2, 0), "classes=0"),
        (lambda: coverage_without_replacement(3, [2, 0]), "at least 1 for each class"),
        (lambda: coverage_without_replacement(3, [1.5, 2]), "whole numbers"),
        (lambda: coverage_without_replacement(6, [2, 3]), "at most 5"),
        (lambda: collision_probability(-1, 3), "K=-1"),
        (lambda: expected_log_collisions(2, probs=[0.3, 0.3]), "must sum to 1"),
        (lambda: expected_log_collisions_without_replacement(5, [2, 3]), "at most 4"),
    ],
)
def test_bad_input_is_an_error(call, message) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    with pytest.raises(ValueError, match=message):
        call()
