"""SwAV's codes: equal use of prototypes by Sinkhorn-Knopp, in the log domain and in float32 or better."""

import torch
from torch import Tensor

from contrastive_lab.losses import at_least_float32


@torch.no_grad()
def sinkhorn(scores: Tensor, epsilon: float = 0.05, iterations: int = 3) -> Tensor:
    """Codes (B, P): soft assignment of rows to prototypes that uses all prototypes equally.

    `scores` are (B, P) cosines of the rows of all processes with the prototypes; any size of number is safe. Rows of
    the result sum to 1; with more iterations every column's sum nears B / P. A smaller `epsilon` is nearer to one
    prototype for each row. ValueError if epsilon <= 0 or iterations < 1.

    Source: Caron et al. 2020 (SwAV), Sec. 3.1 and App. A.1: columns (prototypes) first, then rows.
    """
    if epsilon <= 0 or iterations < 1:
        raise ValueError(f"sinkhorn needs epsilon > 0 and iterations >= 1, not {epsilon} and {iterations}")
    log_codes = at_least_float32(scores) / epsilon
    for _ in range(iterations):
        log_codes = log_codes.log_softmax(dim=0).log_softmax(dim=1)
    return log_codes.exp()
