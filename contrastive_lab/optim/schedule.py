"""Schedules of the learning rate."""

import math
from collections.abc import Sequence


def factor(step: int, steps: int, warmup: int, schedule: str, milestones: Sequence[float] = ()) -> float:
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
