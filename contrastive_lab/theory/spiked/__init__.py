"""The spiked covariance model: contrastive learning against autoencoders and PCA."""

from contrastive_lab.theory.spiked.downstream import (
    accuracy,
    bases,
    correlation,
    downstream_errors,
    draw_labels,
    draw_task,
    features,
    orthogonal_tasks,
    squared_error,
)
from contrastive_lab.theory.spiked.model import (
    Spiked,
    autoencoder_loss,
    best_contrastive,
    contrastive_loss,
    contrastive_matrix,
    descend,
    off_diagonal,
    sine_distance,
    spiked,
    subspace,
    supervised_matrix,
)

__all__ = [
    "Spiked",
    "accuracy",
    "autoencoder_loss",
    "bases",
    "best_contrastive",
    "contrastive_loss",
    "contrastive_matrix",
    "correlation",
    "descend",
    "downstream_errors",
    "draw_labels",
    "draw_task",
    "features",
    "off_diagonal",
    "orthogonal_tasks",
    "sine_distance",
    "spiked",
    "squared_error",
    "subspace",
    "supervised_matrix",
]
