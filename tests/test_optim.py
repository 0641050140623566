import math

import pytest
import torch
from torch import nn

from contrastive_lab.optim import Optim, factor


def test_the_rate_follows_the_number_of_queries() -> None:
    # EqCo, Table 1: 0.03, 0.06 and 0.12 at N = 256, 512 and 1024.
    assert [Optim(base_lr=0.03, batch_size=N).lr for N in (256, 512, 1024)] == pytest.approx([0.03, 0.06, 0.12])


def test_cosine_starts_after_the_warm_up() -> None:
    at = [factor(step, steps=110, warmup=10, schedule="cosine") for step in (0, 5, 10, 60, 110)]
    assert at == pytest.approx([0, 0.5, 1, 0.5, 0])


def test_simos_warm_up_is_multiplied_onto_the_whole_cosine() -> None:
    at = [factor(step, steps=100, warmup=10, schedule="warmup_times_cosine") for step in (0, 5, 10, 50, 100)]
    cosine = [0.5 * (1 + math.cos(math.pi * step / 100)) for step in (0, 5, 10, 50, 100)]
    ramp = [0.001, 0.5005, 1, 1, 1]
    assert at == pytest.approx([c * r for c, r in zip(cosine, ramp, strict=True)])


def test_steps_are_mocos() -> None:
    # 0.1 at epochs 120 and 160 of 200.
    at = [factor(step, 200, 0, "steps", (0.6, 0.8)) for step in (0, 119, 120, 159, 160, 199)]
    assert at == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_an_unknown_schedule_is_refused() -> None:
    with pytest.raises(ValueError, match="not 'linear'"):
        factor(0, 1, 0, "linear")  # type: ignore[arg-type]


def test_weight_decay_can_leave_norms_and_biases_out() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    groups = Optim(weight_decay=0.1, decay_norm=False).configure(net, 10, 5)["optimizer"].param_groups
    assert [(len(g["params"]), g["weight_decay"]) for g in groups] == [(1, 0.1), (3, 0.0)]
    (group,) = Optim(weight_decay=0.1).configure(net, 10, 5)["optimizer"].param_groups
    assert (len(group["params"]), group["weight_decay"]) == (4, 0.1)


def test_the_schedule_drives_the_optimizer() -> None:
    net = nn.Linear(1, 1)
    configured = Optim(base_lr=0.1, batch_size=512, warmup_epochs=0.5).configure(net, steps=20, steps_per_epoch=8)
    rates = []
    for _ in range(5):
        rates.append(configured["optimizer"].param_groups[0]["lr"])
        net(torch.ones(1, 1)).sum().backward()
        configured["optimizer"].step()
        configured["lr_scheduler"]["scheduler"].step()
    assert rates == pytest.approx([0, 0.05, 0.1, 0.15, 0.2])  # warm-up of 4 steps to 0.1 * 512 / 256
