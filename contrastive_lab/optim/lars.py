"""LARS as SimCLR's reference code has it."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn


class LARS(torch.optim.Optimizer):
    """SGD whose every tensor moves by a share of its own length (You et al. 2017).

    With g the gradient, w the tensor and v its buffer, one step is

        g <- g + weight_decay * w;  v <- momentum * v + lr * trust * |w| / |g| * g;  w <- w - v

    where |w| / |g| * trust is 1 if either length is 0. This is google-research/simclr, lars_optimizer.py with classic
    momentum: the length is that of gradient and decay together, and the learning rate of a step stays with what the
    step put into the buffer. In timm's and apex's LARS the length is |gradient| + weight_decay * |w|, and the learning
    rate of the moment scales the whole buffer, which differs while it warms up or decays.

    Args:
        params: tensors, or groups of them with values of their own for the arguments below.
        lr: learning rate.
        momentum: in [0, 1]; no Nesterov.
        weight_decay: at least 0.
        trust: the share; None leaves the learning rate as it is (SimCLR: for biases and batch normalisation).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust: float | None = 0.001,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "trust": trust})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; returns what `closure`, which computes the gradients anew, returns."""
        with torch.enable_grad():
            loss = closure() if closure else None
        for group in self.param_groups:
            for w in group["params"]:
                if w.grad is not None:
                    self._move(w, w.grad.add(w, alpha=group["weight_decay"]), group)
        return loss

    def _move(self, w: nn.Parameter, g: Tensor, group: dict[str, Any]) -> None:
        if group["trust"] is not None:
            g.mul_(_ratio(w.norm(), g.norm(), group["trust"]))
        state = self.state[w]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(w)
        w.sub_(state["momentum_buffer"].mul_(group["momentum"]).add_(g, alpha=group["lr"]))


def _ratio(w: Tensor, g: Tensor, trust: float) -> Tensor:
    """What a step is multiplied by, of the two lengths: computed where they lie, so that no step waits for a GPU."""
    return torch.where((w > 0) & (g > 0), trust * w / g, 1.0)
