"""The optimizer of a method with its learning rate and schedule.

The learning rate follows the number of queries N, never K: EqCo, Sec. 2.2.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from contrastive_lab.optim.lars import LARS
from contrastive_lab.optim.schedule import factor


@dataclass(frozen=True)
class Optim:
    """An optimizer and a schedule per step.

    Args:
        base_lr: learning rate at 256 queries, or at one query under "sqrt".
        batch_size: N, queries of a step over all processes.
        momentum: of SGD and LARS, and the first beta of AdamW (its second is 0.999), in [0, 1].
        weight_decay: at least 0.
        decay_norm: whether weight decay holds for biases and batch normalisation too (MoCo, SiMo: yes; SimCLR: no).
            Where it does not, LARS does not adapt their learning rates either.
        schedule: see `factor`.
        warmup_epochs: epochs of linear warm-up, may be a fraction.
        milestones: shares of the training after which "steps" multiplies the learning rate by 0.1.
        kind: "sgd", "lars" or "adamw".
        scaling: "linear" is base_lr * N / 256, "sqrt" is base_lr * sqrt(N) (google-research/simclr, run.py).
    """

    base_lr: float = 0.03
    batch_size: int = 256
    momentum: float = 0.9
    weight_decay: float = 1e-4
    decay_norm: bool = True
    schedule: str = "cosine"
    warmup_epochs: float = 0
    milestones: Sequence[float] = (0.6, 0.8)
    kind: str = "sgd"
    scaling: str = "linear"

    @property
    def lr(self) -> float:
        """The learning rate used."""
        return self.base_lr * {"linear": self.batch_size / 256, "sqrt": math.sqrt(self.batch_size)}[self.scaling]

    @property
    def rule(self) -> str:
        """How `lr` comes about, e.g. "0.3 * 512/256" or "0.075 * sqrt(4096)"."""
        N = self.batch_size
        return f"{self.base_lr:g} * " + (f"sqrt({N})" if self.scaling == "sqrt" else f"{N}/256")

    def configure(self, module: nn.Module, steps: int, steps_per_epoch: int) -> dict[str, Any]:
        """Optimizer and schedule of `module` for `steps` steps, in the form that Lightning takes."""
        optimizer = self._optimizer(self._groups(module))
        warmup = round(self.warmup_epochs * steps_per_epoch)

        def at(step: int) -> float:
            return factor(step, steps, warmup, self.schedule, self.milestones)

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, at)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _optimizer(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        if self.kind == "adamw":
            return torch.optim.AdamW(groups, self.lr, betas=(self.momentum, 0.999), weight_decay=self.weight_decay)
        make: Any = {"lars": LARS, "sgd": torch.optim.SGD}[self.kind]
        made: torch.optim.Optimizer = make(groups, lr=self.lr, momentum=self.momentum, weight_decay=self.weight_decay)
        return made

    def _groups(self, module: nn.Module) -> list[dict[str, Any]]:
        parameters = [p for p in module.parameters() if p.requires_grad]
        if self.decay_norm:
            return [{"params": parameters}]
        excluded: dict[str, Any] = {"weight_decay": 0.0, **({"trust": None} if self.kind == "lars" else {})}
        return [
            {"params": [p for p in parameters if p.ndim > 1]},
            {"params": [p for p in parameters if p.ndim <= 1], **excluded},
        ]
