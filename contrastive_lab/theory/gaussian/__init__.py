"""Mutual information of correlated Gaussians, estimated with K negatives: EqCo's toy."""

from contrastive_lab.theory.gaussian.pairs import correlation, log_density_ratio, mutual_information, skew_kl

__all__ = ["correlation", "log_density_ratio", "mutual_information", "skew_kl"]
