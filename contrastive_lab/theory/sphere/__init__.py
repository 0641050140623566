"""Unit vectors: the norm of InfoNCE's gradient, and uniformity."""

from contrastive_lab.theory.sphere.gradient import expected_bound, expected_limit, frozen_keys, frozen_pairs, gradients
from contrastive_lab.theory.sphere.uniformity import (
    alignment,
    info_nce_limit,
    log_0f1,
    log_mean_exp_negative,
    uniformity_simplex,
    uniformity_sphere,
)

__all__ = [
    "alignment",
    "expected_bound",
    "expected_limit",
    "frozen_keys",
    "frozen_pairs",
    "gradients",
    "info_nce_limit",
    "log_0f1",
    "log_mean_exp_negative",
    "uniformity_simplex",
    "uniformity_sphere",
]
