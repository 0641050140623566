"""Low precision, extreme cosines and bad arguments: results are finite, errors are one line."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from contrastive_lab.losses.family import (
    dcl,
    debiased,
    dual_temperature,
    factor,
    hard,
    remembered,
    spectral,
    updated_normaliser,
)
from tests.paper_losses import TAU, Loss

SEEN = torch.tensor([True] * 9)
ALL: dict[str, Loss] = {
    "dcl": lambda p, n: dcl(p, n, 0.01),
    "dclw": lambda p, n: dcl(p, n, 0.01, 0.01),
    "spectral": lambda p, n: spectral(p, n, 10.0),
    "spectral exp": lambda p, n: spectral(p, n, 10.0, "exp", 0.01),
    "debiased": lambda p, n: debiased(p, n, 0.01, 0.1),
    "debiased EqCo": lambda p, n: debiased(p, n, 0.01, 0.9, 1e9),
    "hard": lambda p, n: hard(p, n, 0.01, 3.0, 0.1),
    "hard inf": lambda p, n: hard(p, n, 0.01, 3.0, 0.0, math.inf),
    "dual": lambda p, n: dual_temperature(p, n, 0.01, 1.0),
    "dual sharper": lambda p, n: dual_temperature(p, n, 1.0, 0.01, 1e9),
    "remembered": lambda p, n: remembered(p, n, 0.01, updated_normaliser(torch.zeros(9), n, 0.01, 0.9, SEEN)),
}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("name", ALL)
def test_low_precision_and_extreme_cosines_give_finite_float32(name: str, dtype: torch.dtype) -> None:
    grid = torch.tensor([-1.0, 0.3, 1.0], dtype=dtype)
    pos = grid.repeat_interleave(3).requires_grad_()
    neg = torch.stack([grid.repeat(3), grid.repeat(3) * 0.9], dim=1).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = ALL[name](pos, neg)
    assert loss.dtype == torch.float32
    assert loss.isfinite().all()
    torch.testing.assert_close(loss, ALL[name](pos.float(), neg.float()), rtol=1e-6, atol=0)
    for gradient in torch.autograd.grad(loss.sum(), (pos, neg)):
        assert gradient.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradient_at_the_edge_of_the_clamp_is_finite(dtype: torch.dtype) -> None:
    edge = 0.5 + TAU * math.log(0.1)  # where mean_k exp(neg_k / tau) is tau_plus exp(pos / tau)
    pos = torch.full((41,), 0.5, dtype=dtype, requires_grad=True)
    neg = (edge + torch.linspace(-20, 20, 41, dtype=dtype) * torch.finfo(dtype).eps)[:, None].requires_grad_()
    loss = debiased(pos, neg, TAU, 0.1, 1e9)
    for gradient in torch.autograd.grad(loss.sum(), (pos, neg)):
        assert gradient.isfinite().all()


def test_past_the_clamp_the_loss_is_that_of_the_clamp_alone() -> None:
    """Chuang et al. 2020, g = exp(-1 / tau): log(1 + alpha exp(-(1 + 0.5) / tau)), at alpha e^-30 = 0.0936 for 1e12."""
    pos = torch.tensor([0.5, 0.5])
    neg = torch.tensor([[0.5 - 0.05 * 2.303], [-1.0]], requires_grad=True)  # exp(-2.303) is just below 0.1
    loss = debiased(pos, neg, 0.05, 0.1, 1e12)
    assert loss.tolist() == pytest.approx([math.log1p(1e12 * math.exp(-30))] * 2, rel=1e-4)
    assert not torch.autograd.grad(loss.sum(), neg)[0].any()


def test_weights_after_an_update_are_bounded_even_for_a_normaliser_far_too_small() -> None:
    neg = torch.tensor([[1.0, 0.9]])
    log_u = updated_normaliser(torch.tensor([-100.0]), neg, 0.01, 0.9, torch.tensor([True]))
    neg.requires_grad_()
    (gradient,) = torch.autograd.grad(remembered(torch.zeros(1), neg, 0.01, log_u).sum(), neg)
    assert (gradient.sum() * 0.01).item() == pytest.approx(1 / (1 - 0.9), rel=1e-4)


P, N = torch.zeros(2), torch.zeros(2, 3)
BAD: list[tuple[str, Callable[[], Tensor]]] = [
    ("pos", lambda: dcl(torch.zeros(3), N, 0.1)),
    ("neg", lambda: dcl(P, torch.zeros(2), 0.1)),
    ("tau", lambda: dcl(P, N, 0.0)),
    ("tau", lambda: updated_normaliser(P, N, -1.0, 0.1, P.bool())),
    ("sigma", lambda: dcl(P, N, 0.1, -0.5)),
    ("all_pos", lambda: dcl(P, N, 0.1, 0.5, N)),
    ("mu", lambda: spectral(P, N, 0.0)),
    ("phi", lambda: spectral(P, N, 1.0, "cube")),  # type: ignore[arg-type]
    ("phi_tau", lambda: spectral(P, N, 1.0, "exp", math.inf)),
    ("tau_plus", lambda: debiased(P, N, 0.1, 1.0)),
    ("tau_plus", lambda: debiased(P, N, 0.1, -0.1)),
    ("alpha", lambda: debiased(P, N, 0.1, 0.1, math.inf)),
    ("alpha", lambda: hard(P, N, 0.1, 1.0, 0.1, 0.0)),
    ("beta", lambda: hard(P, N, 0.1, -1.0)),
    ("beta", lambda: hard(P, N, 0.1, math.inf)),
    ("second_tau", lambda: dual_temperature(P, N, 0.1, 0.0)),
    ("alpha", lambda: dual_temperature(P, N, 0.1, 1.0, math.inf)),
    ("alpha", lambda: factor(P, N, 0.1, math.nan)),
    ("log_normaliser", lambda: remembered(P, N, 0.1, torch.zeros(3))),
    ("log_old", lambda: updated_normaliser(N, N, 0.1, 0.1, P.bool())),
    ("seen", lambda: updated_normaliser(P, N, 0.1, 0.1, P)),
    ("seen", lambda: updated_normaliser(P, N, 0.1, 0.1, torch.tensor([True]))),
    ("keep", lambda: updated_normaliser(P, N, 0.1, 1.0, P.bool())),
]


@pytest.mark.parametrize(("argument", "call"), BAD, ids=[f"{i}-{name}" for i, (name, _) in enumerate(BAD)])
def test_a_bad_argument_is_named_in_one_line(argument: str, call: Callable[[], Tensor]) -> None:
    with pytest.raises(ValueError, match=rf"^{argument} [^\n]*$"):
        call()
