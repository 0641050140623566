"""The spiked covariance model: contrastive learning against autoencoders and PCA."""

from contrastive_lab.theory.spiked.model import (
    Spiked,
    best_contrastive,
    contrastive_matrix,
    sine_distance,
    spiked,
    subspace,
    supervised_matrix,
)

__all__ = [
    "Spiked",
    "best_contrastive",
    "contrastive_matrix",
    "sine_distance",
    "spiked",
    "subspace",
    "supervised_matrix",
]
