"""The optimizer of a method, SGD, LARS or AdamW, with its learning rate and schedule.

The learning rate follows the number of queries N, never K: EqCo, Sec. 2.2.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn


@dataclass(frozen=True)
class Optim:
    """An optimizer, "sgd", "lars" or "adamw", and a schedule per step, see `factor`.

    With N = `batch_size` queries of a step over all processes, the learning rate is base_lr * N / 256 under "linear"
    scaling and base_lr * sqrt(N) under "sqrt" (google-research/simclr, run.py). `momentum` is also the first beta of
    AdamW, whose second is 0.999. `decay_norm` says whether weight decay holds for biases and batch normalisation too
    (MoCo, SiMo: yes; SimCLR: no); where it does not, LARS does not adapt their learning rates either. `nesterov` makes
    the momentum of SGD Nesterov's. `warmup_epochs` may be a fraction; `milestones` are those of "steps".
    """

    base_lr: float = 0.03
    batch_size: int = 256
    momentum: float = 0.9
    weight_decay: float = 1e-4
    decay_norm: bool = True
    schedule: Literal["cosine", "warmup_times_cosine", "steps"] = "cosine"
    warmup_epochs: float = 0
    milestones: Sequence[float] = (0.6, 0.8)
    kind: Literal["sgd", "lars", "adamw"] = "sgd"
    scaling: Literal["linear", "sqrt"] = "linear"
    nesterov: bool = False

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
        make: Any = {"sgd": torch.optim.SGD, "lars": LARS, "adamw": torch.optim.AdamW}[self.kind]
        own: dict[str, Any] = {"betas": (float(self.momentum), 0.999)}
        if self.kind != "adamw":
            own = {"momentum": self.momentum} | ({"nesterov": self.nesterov} if self.kind == "sgd" else {})
        optimizer = make(self._groups(module), lr=self.lr, weight_decay=self.weight_decay, **own)
        warmup = round(self.warmup_epochs * steps_per_epoch)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: factor(step, steps, warmup, self.schedule, self.milestones)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _groups(self, module: nn.Module) -> list[dict[str, Any]]:
        parameters = [p for p in module.parameters() if p.requires_grad]
        if self.decay_norm:
            return [{"params": parameters}]
        trust = {"trust": None} if self.kind == "lars" else {}
        return [
            {"params": [p for p in parameters if p.ndim > 1]},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0, **trust},
        ]


def factor(step: int, steps: int, warmup: int, schedule: str, milestones: Sequence[float] = ()) -> float:
    """What the learning rate is multiplied by at a step, from 0, of `steps`.

    The first `warmup` steps rise linearly to 1, from 0 (SimCLR) or 0.001 (SiMo). "cosine" goes from 1 to 0 over the
    steps after them (SimCLR; MoCo v2 without warm-up); "warmup_times_cosine" multiplies them onto a cosine over all
    steps (SiMo, the EqCo authors' code); "steps" multiplies by 0.1 at each milestone, a share of `steps` (MoCo v1).
    Another schedule is a ValueError.
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


class LARS(torch.optim.Optimizer):
    """SGD whose every tensor moves by a share of its own length (You et al. 2017).

    With g the gradient, w the tensor and v its buffer, one step is

        g <- g + weight_decay * w;  v <- momentum * v + lr * trust * |w| / |g| * g;  w <- w - v

    where |w| / |g| * trust is 1 if either length is 0. This is google-research/simclr, lars_optimizer.py with classic
    momentum: the length is that of gradient and decay together, and the learning rate of a step stays with what the
    step put into the buffer. In timm's and apex's LARS the length is |gradient| + weight_decay * |w|, and the learning
    rate of the moment scales the whole buffer, which differs while it warms up or decays.

    `params` are tensors, or groups of them with values of their own for the other arguments. A `trust` of None leaves
    the learning rate as it is (SimCLR: for biases and batch normalisation). There is no Nesterov momentum.
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
            for w in (parameter for parameter in group["params"] if parameter.grad is not None):
                g = w.grad.add(w, alpha=group["weight_decay"])
                if group["trust"] is not None:
                    length, step = w.norm(), g.norm()  # compared where they lie, so that no step waits for a GPU
                    g.mul_(torch.where((length > 0) & (step > 0), group["trust"] * length / step, 1.0))
                state = self.state[w]
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = torch.zeros_like(w)
                w.sub_(state["momentum_buffer"].mul_(group["momentum"]).add_(g, alpha=group["lr"]))
        return loss
