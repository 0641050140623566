"""Optimizer and learning-rate schedule of every method.

The learning rate is scaled by the number of queries, base_lr * N / 256, never by K: EqCo, Sec. 2.2.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

Schedule = Literal["cosine", "warmup_times_cosine", "steps"]


@dataclass(frozen=True)
class Optim:
    """SGD with momentum and a schedule per step.

    Args:
        base_lr: learning rate per 256 queries.
        batch_size: N, queries of a step over all processes.
        momentum: of SGD, in [0, 1].
        weight_decay: at least 0.
        decay_norm: whether weight decay holds for biases and batch normalisation too (MoCo, SiMo: yes; SimCLR: no).
        schedule: see `factor`.
        warmup_epochs: epochs of linear warm-up, may be a fraction.
        milestones: shares of the training after which "steps" multiplies the rate by 0.1.
    """

    base_lr: float = 0.03
    batch_size: int = 256
    momentum: float = 0.9
    weight_decay: float = 1e-4
    decay_norm: bool = True
    schedule: Schedule = "cosine"
    warmup_epochs: float = 0
    milestones: Sequence[float] = (0.6, 0.8)

    @property
    def lr(self) -> float:
        """The learning rate used: base_lr * N / 256."""
        return self.base_lr * self.batch_size / 256

    def configure(self, module: nn.Module, steps: int, steps_per_epoch: int) -> dict[str, Any]:
        """Optimizer and schedule of `module` for `steps` steps, in the form that Lightning takes."""
        sgd = torch.optim.SGD(self._groups(module), lr=self.lr, momentum=self.momentum, weight_decay=self.weight_decay)
        warmup = round(self.warmup_epochs * steps_per_epoch)

        def at(step: int) -> float:
            return factor(step, steps, warmup, self.schedule, self.milestones)

        schedule = torch.optim.lr_scheduler.LambdaLR(sgd, at)
        return {"optimizer": sgd, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _groups(self, module: nn.Module) -> list[dict[str, Any]]:
        parameters = [p for p in module.parameters() if p.requires_grad]
        if self.decay_norm:
            return [{"params": parameters}]
        return [
            {"params": [p for p in parameters if p.ndim > 1]},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]


def factor(step: int, steps: int, warmup: int, schedule: Schedule, milestones: Sequence[float] = ()) -> float:
    """What the learning rate is multiplied by at one step.

    Args:
        step: from 0.
        steps: of the whole training.
        warmup: steps of linear warm-up, from 0 (SimCLR) or 0.001 (SiMo) to 1.
        schedule: "cosine" goes from 1 to 0 over the steps after the warm-up (SimCLR; MoCo v2 without warm-up);
            "warmup_times_cosine" multiplies the warm-up onto a cosine over all steps (SiMo, the EqCo authors' code);
            "steps" multiplies by 0.1 at each milestone (MoCo v1).
        milestones: shares of `steps`.

    Raises:
        ValueError: on another schedule.
    """
    ramp = min(1.0, step / warmup) if warmup else 1.0
    if schedule == "cosine":
        done = (step - warmup) / max(1, steps - warmup)
        return ramp if step < warmup else 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    if schedule == "warmup_times_cosine":
        return (0.001 + 0.999 * ramp) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / max(1, steps))))
    if schedule == "steps":
        return float(ramp * 0.1 ** sum(step >= share * steps for share in milestones))
    raise ValueError(f"schedule is cosine, warmup_times_cosine or steps, not {schedule!r}")
