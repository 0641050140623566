"""The critics of EqCo's toy, many trained at once: the same layers of all of them are one batched matrix product.

Letters as in `contrastive_lab.theory.gaussian.pairs`; A alphas, so that there are A * M critics, alpha by alpha.
Source: Zhu et al. 2020 (EqCo), Sec. 3 and Table 5.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from contrastive_lab.theory.gaussian.pairs import Losses, in_batch_losses, sample_pairs


class Critics(nn.Module):
    """Independent critics f(x) . g(y): two MLPs each, d -> hidden -> ReLU -> width, and their inner product.

    Neither normalised nor divided by a temperature. The paper has 256 hidden units and gives no width; 32 and 128 give
    its table alike. The initial weights are uniform in +-1 / sqrt(inputs) as those of `nn.Linear`, drawn from `source`.
    """

    def __init__(self, models: int, d: int, hidden: int, width: int, source: torch.Generator) -> None:
        super().__init__()

        def uniform(inputs: int, rows: int, columns: int) -> nn.Parameter:
            return nn.Parameter((2 * torch.rand(models, rows, columns, generator=source) - 1) / math.sqrt(inputs))

        def tower() -> nn.ParameterList:
            first = [uniform(d, d, hidden), uniform(d, 1, hidden)]
            return nn.ParameterList([*first, uniform(hidden, hidden, width), uniform(hidden, 1, width)])

        self.f, self.g = tower(), tower()

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Scores (models, N, N) of each x with each y, both (models, N, d)."""
        return _mlp(self.f, x) @ _mlp(self.g, y).mT


def _mlp(layers: nn.ParameterList, x: Tensor) -> Tensor:
    weight, bias, last_weight, last_bias = layers
    return torch.baddbmm(last_bias, torch.baddbmm(bias, x, weight).relu(), last_weight)


def critic_losses(critics: Critics, alphas: Sequence[float]) -> Losses:
    """From pairs x and y, (M, N, d), to the losses (A, M): each alpha has M critics, and all see the same pairs."""

    def losses(x: Tensor, y: Tensor) -> Tensor:
        groups = critics(x.repeat(len(alphas), 1, 1), y.repeat(len(alphas), 1, 1)).chunk(len(alphas))
        return torch.stack([in_batch_losses(group, alpha) for group, alpha in zip(groups, alphas, strict=True)])

    return losses


def fit(
    losses: Losses, critics: Critics, rho: Tensor, K: int, d: int, steps: int, lr: float, source: torch.Generator
) -> None:
    """Train all critics with Adam, K + 1 fresh pairs a step.

    The losses, `critic_losses` of these critics, are added up: no critic's gradient depends on another's, and Adam
    treats each weight by itself, so each is trained as if alone. rho (M,) is in float32; `source` draws the pairs. In
    the paper there are 5,000 steps with the learning rate 5e-4.
    """
    adam = torch.optim.Adam(critics.parameters(), lr, fused=True)
    for _ in range(steps):
        loss = losses(*sample_pairs(rho, K + 1, d, source)).sum()
        adam.zero_grad()
        loss.backward()
        adam.step()
