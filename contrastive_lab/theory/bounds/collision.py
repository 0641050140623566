"""What collisions cost: how far a loss over negatives of the anchor's own class can be from ln(Col + 1)."""

import torch
from torch import Tensor

ROWS = 1024


@torch.no_grad()
def collision_bound(first: Tensor, second: Tensor, labels: Tensor) -> float:
    """Mean of |z'_j . (z_i - z_j)| over images j and the other images i of the same class.

    The mean is over i, then over all j. z and z', `first` and `second`, are the unit features (n, D) of two views, and
    `labels` (n,) the classes; ValueError if a class has one image alone. 0 where the views of a class coincide, 1 where
    the two views of an image coincide and different images are orthogonal.
    Source: "Collision bound" of Nozawa & Sato 2021 as the authors' public code computes it, not divided by tau; the
    theorem itself could not be read.
    """
    if first.shape != second.shape or first.ndim != 2 or labels.shape != first.shape[:1] or not len(labels):
        shapes = f"{tuple(first.shape)}, {tuple(second.shape)} and {tuple(labels.shape)}"
        raise ValueError(f"features (n, D) twice and labels (n,) are needed, not {shapes}")
    total = 0.0
    for label in labels.unique().tolist():
        one, other = first[labels == label], second[labels == label]
        if len(one) < 2:
            raise ValueError(f"collision_bound needs two images of every class; class {label} has one")
        own = (one * other).sum(1)
        blocks = zip(other.split(ROWS), own.split(ROWS), strict=True)  # the own pair, i = j, differs by nothing
        gaps = sum(float((block @ one.T - cosine[:, None]).abs().double().sum()) for block, cosine in blocks)
        total += gaps / (len(one) - 1)
    return total / len(labels)
