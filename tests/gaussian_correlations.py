"""Correlated Gaussians for the tests of `theory=gaussian_mi`."""

import torch
from torch import Tensor

from contrastive_lab.theory.gaussian.pairs import (
    correlation,
)

MI = (2, 4, 6, 8, 10)


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rhos(d: int = 20) -> Tensor:
    return torch.tensor([correlation(mi, d) for mi in MI], dtype=torch.float64)
