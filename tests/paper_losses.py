"""Losses of a query as their papers have them, in plain numbers, and vectors to try them on.

A docstring names the paper and the equation, or, where its number was not at hand, the formula by its name and the
authors' code that has it.
"""

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
    """Softmax of scale * row, in plain numbers: the weights s_k of docs/losses.md, a definition of no paper."""
    weights = [math.exp(scale * x) for x in row]
    return [weight / sum(weights) for weight in weights]


def infonce_row(p: float, row: list[float], tau: float = TAU, alpha: float | None = None) -> float:
    """Minus log of exp(p / tau) / (exp(p / tau) + alpha mean_k exp(n_k / tau)).

    Zhu et al. 2020 (EqCo), Eq. 1 with the margin of Eq. 5; at alpha = K InfoNCE, van den Oord et al. 2018.
    """
    negatives = (len(row) if alpha is None else alpha) * fmean(math.exp(x / tau) for x in row)
    return -math.log(math.exp(p / tau) / (math.exp(p / tau) + negatives))


def dcl_row(p: float, row: list[float]) -> float:
    """Yeh et al. 2022 (DCL), L_DC, Eq. 6 by the documentation of lightly's `DCLLoss`.

    -p / tau + log sum_k exp(n_k / tau), here less log K.
    """
    return -p / TAU + math.log(sum(math.exp(x / TAU) for x in row)) - math.log(len(row))


def dclw_weights(positives: list[float], sigma: float) -> list[float]:
    """Yeh et al. 2022 (DCL), w of the loss L_DCW: 2 - exp(p / sigma) / E exp(p / sigma), without gradient."""
    mean = fmean(math.exp(p / sigma) for p in positives)
    return [2 - math.exp(p / sigma) / mean for p in positives]


def flatnce(pos: Tensor, neg: Tensor, tau: float = TAU) -> Tensor:
    """Chen et al. 2021, the FlatNCE loss exp(v - v without gradient), v = log sum_k exp((neg_k - pos) / tau).

    Authors' code: Junya-Chen/FlatCLR, flatclr.py, `flat_loss` and `train`.
    """
    v = ((neg - pos[:, None]) / tau).exp().sum(dim=1).log()
    return torch.exp(v - v.detach())


def spectral_row(p: float, row: list[float], mu: float) -> float:
    """HaoChen et al. 2021, the spectral contrastive loss: -2 f(x)' f(x+) + mean (f(x)' f(x'))^2, f of norm sqrt(mu).

    Authors' code: jhaochenz96/spectral_contrastive_learning, models/spectral.py, `D`, which divides by mu.
    """
    return -2 * math.sqrt(mu) * math.sqrt(mu) * p + fmean((math.sqrt(mu) * math.sqrt(mu) * x) ** 2 for x in row)


def debiased_row(p: float, row: list[float], tau_plus: float, alpha: float | None = None, beta: float = 0.0) -> float:
    """-log e^p / (e^p + N g), g = max((mean e^n - tau_plus e^p) / tau_minus, e^(-1/t)), with all cosines over tau.

    Chuang et al. 2020, the estimator g with M = 1 and L_Debiased; authors' code: chingyaoc/DCL, main.py, `train`. With
    beta the mean is sum_k imp_k e^n_k / sum_k imp_k, imp = e^(beta n): Robinson et al. 2021, the importance weights of
    the debiased objective; authors' code: joshr17/HCL, image/main.py, `criterion`.
    """
    own, others = math.exp(p / TAU), [math.exp(x / TAU) for x in row]
    importance = [math.exp(beta * x / TAU) for x in row]
    mean = sum(i * x for i, x in zip(importance, others, strict=True)) / sum(importance)
    g = max((mean - tau_plus * own) / (1 - tau_plus), math.exp(-1 / TAU))
    return -math.log(own / (own + (len(row) if alpha is None else alpha) * g))


def coupling(p: float, row: list[float], tau: float, alpha: float | None = None) -> float:
    """One minus the softmax probability of the positive.

    Yeh et al. 2022 (DCL), the negative-positive coupling multiplier of the gradient; Zhang et al. 2022 (SimCo), W.
    """
    return 1 - math.exp(-infonce_row(p, row, tau, alpha))


def dual_row(p: float, row: list[float], second_tau: float, alpha: float | None = None) -> float:
    """Zhang et al. 2022 (SimCo), the dual temperature: InfoNCE times W at the second over W at tau, without gradient.

    Authors' code: ChaoningZhang/Dual-temperature, solo/losses/dual_temperature_loss.py.
    """
    return coupling(p, row, second_tau, alpha) / coupling(p, row, TAU, alpha) * infonce_row(p, row, TAU, alpha)


# The gradient at the query, (w / tau) (sum_k s_k key_k - v key_0): w, v and s by hand, in plain numbers.


def infonce_ws(p: float, row: list[float]) -> tuple[float, float, list[float]]:
    w = coupling(p, row, TAU)
    return w, w, shares(row, 1 / TAU)


def debiased_ws(p: float, row: list[float], alpha: float, beta: float) -> tuple[float, float, list[float]]:
    """d log(1 + alpha (m / e^p - t) / (1 - t)) where unclamped, else d log(1 + alpha e^(-1/tau) / e^p), t = tau_plus.

    m is sum e^((1 + beta) n) / sum e^(beta n), so d log m has the weights (1 + beta) softmax - beta softmax.
    """
    sharp, soft = shares(row, (1 + beta) / TAU), shares(row, beta / TAU)
    own = math.exp(p / TAU)
    m = sum(math.exp((1 + beta) * x / TAU) for x in row) / sum(math.exp(beta * x / TAU) for x in row)
    g = max((m - 0.1 * own) / 0.9, math.exp(-1 / TAU))
    w = alpha * g / (own + alpha * g)
    if g == math.exp(-1 / TAU):
        return 0.0, w, sharp
    w *= m / (m - 0.1 * own)
    return w, w, [(1 + beta) * x - beta * y for x, y in zip(sharp, soft, strict=True)]


class SogCLR:
    """Yuan et al. 2022 (SogCLR), Algorithm 1, u in a dictionary by image and direction; `keep` is 1 - gamma.

    Authors' code: Optimization-AI/SogCLR, sogclr/builder.py, `dynamic_contrastive_loss`, with u = 0 at the start.
    """

    def __init__(self, keep: float) -> None:
        self.keep, self.u = keep, dict[tuple[int, int], float]()

    def step(self, direction: int, image: int, p: float, row: list[float]) -> tuple[float, list[float]]:
        """The value log u - p / tau, and for each negative exp(neg / tau) / (K u)."""
        mean = fmean(math.exp(x / TAU) for x in row)
        old = self.u.get((direction, image))
        u = mean if old is None else self.keep * old + (1 - self.keep) * mean
        self.u[direction, image] = u
        return math.log(u) - p / TAU, [math.exp(x / TAU) / (len(row) * u) for x in row]
