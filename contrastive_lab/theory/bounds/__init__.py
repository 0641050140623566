"""Bounds on the supervised loss by the contrastive loss, from terms in closed form or measured on features."""

from contrastive_lab.theory.bounds.batches import batch_terms
from contrastive_lab.theory.bounds.collapsed import collapsed_terms
from contrastive_lab.theory.bounds.collision import collision_bound
from contrastive_lab.theory.bounds.terms import (
    Terms,
    arora_exact,
    arora_lower,
    arora_repo,
    columns,
    coupon_exact,
    coupon_lower,
    repo_half_sub,
)

__all__ = [
    "Terms",
    "arora_exact",
    "arora_lower",
    "arora_repo",
    "batch_terms",
    "collapsed_terms",
    "collision_bound",
    "columns",
    "coupon_exact",
    "coupon_lower",
    "repo_half_sub",
]
