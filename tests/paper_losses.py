"""Losses of a query as their papers have them, in plain numbers, and vectors to try them on."""

import math
from collections.abc import Callable
from statistics import fmean

import torch
from torch import Tensor
from torch.nn import functional as F

Loss = Callable[[Tensor, Tensor], Tensor]
Row = Callable[[float, list[float]], float]
TAU = 0.2


def unit_vectors(n: int = 8, K: int = 5, D: int = 4, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Queries (n, D), their keys (n, D), closer to them the higher the row, and their negatives (n, K, D)."""
    source = torch.Generator().manual_seed(seed)
    query, key, negatives = (
        F.normalize(torch.randn(shape, generator=source, dtype=torch.float64), dim=-1)
        for shape in ((n, D), (n, D), (n, K, D))
    )
    return query, F.normalize(key + torch.linspace(0, 3, n, dtype=torch.float64)[:, None] * query, dim=1), negatives


def cosines_of(query: Tensor, key: Tensor, negatives: Tensor) -> tuple[Tensor, Tensor]:
    return (query * key).sum(dim=1), (negatives @ query[:, :, None])[:, :, 0]


def gradient_at_query(loss: Loss, query: Tensor, key: Tensor, negatives: Tensor) -> Tensor:
    query = query.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(*cosines_of(query, key, negatives)).sum(), query)
    return gradient


def shares(row: list[float], scale: float) -> list[float]:
    """Softmax of scale * row, in plain numbers."""
    weights = [math.exp(scale * x) for x in row]
    return [weight / sum(weights) for weight in weights]


def infonce_row(p: float, row: list[float], tau: float = TAU, alpha: float | None = None) -> float:
    """Minus log of exp(p / tau) / (exp(p / tau) + alpha mean_k exp(n_k / tau)): EqCo Eq. 1, InfoNCE at alpha = K."""
    negatives = (len(row) if alpha is None else alpha) * fmean(math.exp(x / tau) for x in row)
    return -math.log(math.exp(p / tau) / (math.exp(p / tau) + negatives))


def dcl_row(p: float, row: list[float]) -> float:
    """Yeh et al. 2022, L_DC: -p / tau + log sum_k exp(n_k / tau), here less log K."""
    return -p / TAU + math.log(sum(math.exp(x / TAU) for x in row)) - math.log(len(row))


def spectral_row(p: float, row: list[float], mu: float) -> float:
    """HaoChen et al. 2021: -2 f(x)' f(x+) + mean (f(x)' f(x'))^2 with f of norm sqrt(mu)."""
    return -2 * math.sqrt(mu) * math.sqrt(mu) * p + fmean((math.sqrt(mu) * math.sqrt(mu) * x) ** 2 for x in row)


def debiased_row(p: float, row: list[float], tau_plus: float, alpha: float | None = None, beta: float = 0.0) -> float:
    """Chuang et al. 2020: -log e^p / (e^p + N g), g = max((mean e^n - tau_plus e^p) / tau_minus, e^(-1/t)), M = 1.

    With beta the mean is that of Robinson et al. 2021, sum_k imp_k e^n_k / sum_k imp_k with imp = e^(beta n).
    """
    own, others = math.exp(p / TAU), [math.exp(x / TAU) for x in row]
    importance = [math.exp(beta * x / TAU) for x in row]
    mean = sum(i * x for i, x in zip(importance, others, strict=True)) / sum(importance)
    g = max((mean - tau_plus * own) / (1 - tau_plus), math.exp(-1 / TAU))
    return -math.log(own / (own + (len(row) if alpha is None else alpha) * g))


def coupling(p: float, row: list[float], tau: float, alpha: float | None = None) -> float:
    """One minus the softmax probability of the positive, W of Zhang et al. 2022."""
    return 1 - math.exp(-infonce_row(p, row, tau, alpha))


def dual_row(p: float, row: list[float], second_tau: float, alpha: float | None = None) -> float:
    """Zhang et al. 2022: InfoNCE at tau, times W at the second temperature over W at tau, without gradient."""
    return coupling(p, row, second_tau, alpha) / coupling(p, row, TAU, alpha) * infonce_row(p, row, TAU, alpha)
