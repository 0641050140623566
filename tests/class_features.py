"""Features with a known class structure."""

import torch
from torch import Tensor
from torch.nn import functional as F


def features(seed: int, labels: list[int], views: int, dim: int, noise: float) -> Tensor:
    """Unit features (images, views, dim) around a centre of the class and one of the image."""
    source = torch.Generator().manual_seed(seed)
    centres, own, each = (
        torch.randn(*shape, dim, generator=source, dtype=torch.float64)
        for shape in ((max(labels) + 1, 1), (len(labels), 1), (len(labels), views))
    )
    return F.normalize(centres[labels] + noise * own + noise * each, dim=2)
