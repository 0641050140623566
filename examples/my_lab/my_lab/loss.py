"""A loss of one's own, which every method with negatives takes: loss=margin."""

from typing import Annotated

from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

Margin = Annotated[float, Field(ge=0, le=2, description="by which the key has to be nearer than a negative")]


def margin(pos: Tensor, neg: Tensor, width: Margin = 0.5) -> Tensor:
    """Mean over the negatives of max(0, width + neg - pos): cosines (n,) and (n, K) -> one value a query (n,)."""
    return F.relu(width + neg - pos[:, None]).mean(dim=1)
