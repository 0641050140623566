"""The coupon collector: coverage of the classes by K + 1 labels, and collisions among K negatives."""

from contrastive_lab.theory.coupon.collision import (
    collision_probability,
    expected_log_collisions,
    expected_log_collisions_without_replacement,
    no_collision_probability,
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

__all__ = [
    "collision_probability",
    "coverage_probability",
    "coverage_without_replacement",
    "distinct_law",
    "expected_draws",
    "expected_log_collisions",
    "expected_log_collisions_without_replacement",
    "missing_probability",
    "no_collision_probability",
    "smallest_draws",
    "variance_of_draws",
]
