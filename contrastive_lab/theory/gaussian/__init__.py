"""Mutual information of correlated Gaussians, estimated with K negatives: EqCo's toy."""

from contrastive_lab.theory.gaussian.critics import Critics, critic_losses, fit
from contrastive_lab.theory.gaussian.pairs import (
    correlation,
    density_ratio_losses,
    estimates,
    in_batch_losses,
    log_density_ratio,
    mutual_information,
    sample_pairs,
    skew_kl,
)

__all__ = [
    "Critics",
    "correlation",
    "critic_losses",
    "density_ratio_losses",
    "estimates",
    "fit",
    "in_batch_losses",
    "log_density_ratio",
    "mutual_information",
    "sample_pairs",
    "skew_kl",
]
