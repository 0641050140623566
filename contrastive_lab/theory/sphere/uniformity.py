"""Alignment and uniformity on the unit sphere in closed form, and what they say of the contrastive loss.

`contrastive_lab.diagnostics.uniformity` measures what `uniformity_sphere` and `uniformity_simplex` predict.
Source: Wang & Isola 2020, Understanding Contrastive Representation Learning through Alignment and Uniformity on the
Hypersphere. The definitions are those of the authors' public code; the closed forms are derived;
numbers of sections and theorems are remembered.
"""

import math

import torch
from torch import Tensor


def alignment(x: Tensor, y: Tensor, a: float = 2.0) -> Tensor:
    """Mean of |x_i - y_i|^a over the positive pairs, unit rows (n, D); Wang & Isola 2020, Sec. 4.1.

    0 where the keys equal the queries, 2 in expectation for independent uniform rows (a = 2).
    """
    distances: Tensor = torch.linalg.vector_norm(x - y, dim=1)
    return distances.pow(a).mean()


def log_0f1(b: float, x: float) -> float:
    """Ln 0F1(; b; x), the confluent hypergeometric limit function: ln sum_k x^k / ((b)_k k!).

    A series of positive terms, added up in logarithms: finite for any x >= 0. Its terms fall at least fourfold from
    k = 2 sqrt(x) on, so the rest left out is below 1e-18 of the sum.

    Raises:
        ValueError: if b <= 0 or x < 0.
    """
    if not (0 < b < math.inf and 0 <= x < math.inf):
        raise ValueError(f"log_0f1 needs b > 0 and x >= 0, not b={b}, x={x}")
    if x == 0:
        return 0.0
    k = torch.arange(int(2 * math.sqrt(x)) + 40, dtype=torch.float64)
    terms = k * math.log(x) - torch.lgamma(b + k) + math.lgamma(b) - torch.lgamma(k + 1)
    return float(torch.logsumexp(terms, dim=0))


def uniformity_sphere(D: int, t: float = 2.0) -> float:
    """Uniformity of the uniform distribution on the unit sphere of D dimensions: -2t + ln 0F1(; D/2; t^2).

    The least that any distribution reaches (Wang & Isola 2020, Prop. 1); -4 + ln(sinh(4) / 4) at D = 3, t = 2.
    """
    return -2 * t + log_0f1(D / 2, t**2)


def uniformity_simplex(n: int, t: float = 2.0) -> float:
    """Uniformity of n points that form a regular simplex, pairs i < j only: -2 t n / (n - 1); needs D >= n - 1.

    The least that n points reach, so below the sphere's value.

    Raises:
        ValueError: if n < 2.
    """
    if n < 2:
        raise ValueError(f"n={n}: a simplex needs 2 points or more")
    return -2 * t * n / (n - 1)


def log_mean_exp_negative(D: int, tau: float) -> float:
    """Ln E exp(q.k / tau) of a query and a negative k that is uniform on the sphere: ln 0F1(; D/2; 1 / (4 tau^2)).

    Raises:
        ValueError: if tau <= 0.
    """
    if not tau > 0:
        raise ValueError(f"tau={tau}: must be above 0")
    return log_0f1(D / 2, 1 / (4 * tau**2))


def info_nce_limit(positive_cosine: float, D: int, tau: float) -> float:
    """What InfoNCE minus ln K tends to as K grows, for uniform negatives: -cos / tau + ln E exp(q.k / tau).

    With EqCo it is the loss minus ln alpha, for many negatives and a large alpha: alpha stands where K stood.
    Source: Wang & Isola 2020, Theorem 1; Zhu et al. 2020 (EqCo), Eq. 5.
    """
    return -positive_cosine / tau + log_mean_exp_negative(D, tau)
