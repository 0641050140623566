"""Downstream error of linear features under the spiked covariance model, and what labels in pre-training do to it.

A task is a unit vector w (r,): its target is w.z / nu, and its label is 1 with probability sigmoid(4 w.z / nu). The
transfer task is orthogonal to the source task. Only the readout sees samples; its test error is exact.
Source: Ji et al. 2021, abstract (the claim: labels help the source task and harm transfer); tasks as in a public
replication of the paper, with a steeper label (its slope is 1) and no noise on the target.
"""

import math

import torch
from torch import Tensor

from contrastive_lab.theory.spiked.model import Spiked, contrastive_matrix, subspace, supervised_matrix

SLOPE = 4.0  # of the label's probability in w.z / nu


def orthogonal_tasks(r: int, source: torch.Generator) -> tuple[Tensor, Tensor]:
    """The source and the transfer task: two orthonormal vectors (r,) of random direction, r at least 2."""
    if r < 2:
        raise ValueError(f"r={r}: two orthogonal tasks need 2 or more")
    w, other = torch.linalg.qr(torch.randn(r, 2, generator=source, dtype=torch.float64))[0].T
    return w, other


def draw_labels(target: Tensor, source: torch.Generator) -> Tensor:
    """Labels 0 or 1 of targets w.z / nu (n,)."""
    chance = torch.rand(len(target), generator=source, dtype=torch.float64)
    return (chance < torch.sigmoid(SLOPE * target)).long()


def features(model: Spiked, w: Tensor, n: int, mix: float, source: torch.Generator) -> dict[str, Tensor]:
    """The matrix (d, d) each method takes its features from, learned from n samples with labels of task w.

    AE is the autoencoder (PCA), CL the contrastive loss with masking, SupCL the one with labels alone, and CL+SupCL
    the sum of both, the labels weighted by `mix`.
    """
    x, z = model.sample(n, source)
    plain, labelled = contrastive_matrix(x), supervised_matrix(x, draw_labels(z @ w / model.nu, source))
    return {"AE": torch.cov(x.T), "CL": plain, "SupCL": labelled, "CL+SupCL": plain + mix * labelled}


def bases(matrices: dict[str, Tensor], model: Spiked, k: int) -> dict[str, Tensor]:
    """Features of k dimensions (d, k) by method, and the first k columns of the true U."""
    return {**{name: subspace(M, k) for name, M in matrices.items()}, "U*": model.U[:, :k]}


def draw_task(model: Spiked, w: Tensor, n: int, source: torch.Generator) -> tuple[Tensor, Tensor]:
    """Samples of a task for a readout: x (n, d), and targets and labels as -1 and 1, (n, 2)."""
    x, z = model.sample(n, source)
    target = z @ w / model.nu
    return x, torch.stack([target, 2.0 * draw_labels(target, source) - 1], dim=1)


def downstream_errors(model: Spiked, V: Tensor, w: Tensor, x: Tensor, answers: Tensor) -> tuple[float, float]:
    """Mean squared error and accuracy (percent) of task w on features V^T x, V (d, k).

    Least squares on the samples of `draw_task`, once on targets and once on labels; the test error is exact.
    """
    predictors = V @ torch.linalg.lstsq(x @ V, answers).solution
    return squared_error(model, predictors[:, 0], w), accuracy(correlation(model, predictors[:, 1], w))


def squared_error(model: Spiked, b: Tensor, w: Tensor) -> float:
    """E (w.z / nu - b.x)^2 of a predictor b (d,): 1 for predicting 0. Derived."""
    return float(1 - 2 * model.nu * b @ model.U @ w + b @ model.covariance() @ b)


def correlation(model: Spiked, b: Tensor, w: Tensor) -> float:
    """Correlation of b.x with the target of task w."""
    return float(model.nu * b @ model.U @ w / (b @ model.covariance() @ b).sqrt())


def accuracy(rho: float, slope: float = SLOPE) -> float:
    """Percent of labels that the sign of a predictor gets right, rho its correlation with the target g ~ N(0, 1).

    2 * integral over g > 0 of phi(g) [s Phi(c g) + (1 - s) Phi(-c g)], s = sigmoid(slope g), c = rho / sqrt(1 - rho^2);
    by the trapezoid rule, to better than 1e-4 percent. 50 + 100 asin(rho) / pi for labels without noise. Derived.
    """
    g = torch.linspace(0, 9, 9001, dtype=torch.float64)
    right = torch.special.ndtr(g * rho / math.sqrt(max(1 - rho**2, 1e-12)))
    s = torch.sigmoid(slope * g)
    density = torch.exp(-g.square() / 2) / math.sqrt(2 * math.pi)
    return 200 * float(torch.trapezoid(density * (s * right + (1 - s) * (1 - right)), g))
