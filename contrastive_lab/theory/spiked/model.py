"""Linear representations under the spiked covariance model: contrastive learning against the autoencoder.

Letters: n samples x (n, d) of d coordinates, r dimensions of the signal, M (d, d) a symmetric matrix, W (r, d) a linear
encoder h = W x. Rows are samples, and all numbers are float64. A ValueError names an argument that is out of range.
Source: Ji et al. 2021, The Power of Contrast for Feature Learning. The claims were read in the paper's abstract and
introduction, the model in a public replication; the closed forms of the loss are derived.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

NOISES = ("homo", "linear", "two")


@dataclass(frozen=True)
class Spiked:
    """x = U z + noise, with z ~ N(0, nu^2 I) and noise ~ N(0, diag(std^2)); Ji et al. 2021.

    The columns of U (d, r) are orthonormal, and nu > 0. Unequal values of std (d,) are what separates the methods.
    """

    U: Tensor
    std: Tensor
    nu: float = 1.0

    def signal(self) -> Tensor:
        """Covariance of the signal, nu^2 U U^T, (d, d)."""
        return self.nu**2 * self.U @ self.U.T

    def covariance(self) -> Tensor:
        """Covariance of x, (d, d)."""
        return self.signal() + torch.diag(self.std.square())

    def sample(self, n: int, source: torch.Generator) -> tuple[Tensor, Tensor]:
        """Samples x and their z (n, r)."""
        z = self.nu * torch.randn(n, self.U.shape[1], generator=source, dtype=torch.float64)
        noise = torch.randn(n, len(self.std), generator=source, dtype=torch.float64)
        return torch.addmm(noise.mul_(self.std), z, self.U.T), z


def spiked(d: int, r: int, noise: str, source: torch.Generator, nu: float = 1.0) -> Spiked:
    """A model whose U is uniform over the orthonormal frames, so that no coordinate holds much of the signal.

    1 <= r < d and nu > 0. The standard deviations of the noise are 1 everywhere ("homo"), from 1 down to 0.1
    ("linear"), or 2 on the first quarter of the coordinates and 0.3 on the others ("two"). U is drawn from `source`.
    """
    if not 1 <= r < d:
        raise ValueError(f"r={r}, d={d}: r must be 1 or more and below d")
    if noise not in NOISES:
        raise ValueError(f"noise={noise}: must be one of {', '.join(NOISES)}")
    if not 0 < nu < math.inf:
        raise ValueError(f"nu={nu}: must be above 0")
    U = torch.linalg.qr(torch.randn(d, r, generator=source, dtype=torch.float64))[0]
    two = torch.where(torch.arange(d) < d // 4, 2.0, 0.3).double()
    std = {"homo": torch.ones(d).double(), "linear": torch.linspace(1, 0.1, d, dtype=torch.float64), "two": two}[noise]
    return Spiked(U, std, nu)


def off_diagonal(M: Tensor) -> Tensor:
    """M with a diagonal of zeros: what random masking leaves of x x^T.

    With A = diag(a), a_i ~ Bernoulli(1/2), and the views A x and (I - A) x: E_A[A x x^T (I - A)] is a quarter of
    off_diagonal(x x^T). Derived.
    """
    return M - torch.diag(M.diagonal())


def contrastive_matrix(x: Tensor) -> Tensor:
    """The matrix M of the linear contrastive loss of masked samples x, n >= 2: positive minus negative pairs.

    M = (1/n) [D(X X^T) - X (11^T - I) X^T / (n - 1)], X = x^T, D = `off_diagonal`. Computed as covariance(x) -
    diag(mean of x^2); without D it is covariance(x), that of PCA. The factor 1/4 of masking is left out; it rescales
    lam. Derived.
    """
    return torch.cov(x.T) - torch.diag(x.square().mean(dim=0))


def supervised_matrix(x: Tensor, classes: Tensor) -> Tensor:
    """The same with labels: mean of x_i x_j^T over pairs i != j of one class minus that over pairs of two.

    `classes` (n,) are whole numbers from 0; ValueError if no two samples share a class, or all do. The linear form of
    Khosla et al. 2020. Masks of different samples are independent, so masking changes it by the factor 1/4 alone.
    """
    member = F.one_hot(classes).to(x.dtype)
    size, total = member.sum(dim=0), member.T @ x
    same, n = (size * (size - 1)).sum(), len(x)
    if same == 0 or same == n * (n - 1):
        raise ValueError("classes: pairs of one class and of two classes are needed")
    own, everyone = total.T @ total, torch.outer(total.sum(dim=0), total.sum(dim=0))
    return (own - x.T @ x) / same - (everyone - own) / (n * (n - 1) - same)


def subspace(M: Tensor, r: int) -> Tensor:
    """Eigenvectors (d, r) of the r largest eigenvalues of M, the largest last.

    The autoencoder's features are those of the covariance (PCA), the contrastive ones those of its M.
    """
    vectors: Tensor = torch.linalg.eigh(M).eigenvectors
    return vectors[:, -r:]


def sine_distance(U: Tensor, V: Tensor) -> float:
    """|sin Theta(U, V)|_F = |U U^T - V V^T|_F / sqrt(2) of orthonormal (d, r): from 0 to sqrt(min(r, d - r)).

    Computed as the norm of (I - U U^T) V, which keeps its digits near 0.
    """
    return float(torch.linalg.matrix_norm(V - U @ (U.T @ V)))


def contrastive_loss(W: Tensor, M: Tensor, lam: float = 1.0) -> Tensor:
    """-tr(W M W^T) + lam/2 |W W^T|_F^2; Ji et al. 2021."""
    loss: Tensor = lam / 2 * (W @ W.T).square().sum() - ((W @ M) * W).sum()
    return loss


def best_contrastive(M: Tensor, r: int, lam: float = 1.0) -> tuple[Tensor, float]:
    """The minimum of `contrastive_loss` in closed form: W and its loss.

    W^T W = (1/lam) sum over the r largest eigenvalues v > 0 of v u u^T; the loss is -sum of v^2 / (2 lam). Derived.
    """
    values, vectors = torch.linalg.eigh(M)
    top = values[-r:].clamp(min=0)
    return (top / lam).sqrt()[:, None] * vectors[:, -r:].T, -top.square().sum().item() / (2 * lam)


def autoencoder_loss(W: Tensor, covariance: Tensor) -> Tensor:
    """E |x - W[1]^T W[0] x|^2 of a linear autoencoder, W (2, r, d) encoder and decoder, x of mean 0.

    The minimum is the sum of the d - r smallest eigenvalues, reached on the subspace of PCA; Baldi & Hornik 1989.
    """
    rest = torch.eye(len(covariance), dtype=W.dtype) - W[1].T @ W[0]
    return ((rest @ covariance) * rest).sum()


def descend(loss: Callable[[Tensor], Tensor], W: Tensor, lr: float, steps: int) -> tuple[Tensor, float]:
    """Gradient descent with Nesterov's momentum 0.9 from W: the weights after `steps` and their loss."""
    W = W.clone().requires_grad_()
    optimizer = torch.optim.SGD([W], lr=lr, momentum=0.9, nesterov=True)
    for _ in range(steps):
        (W.grad,) = torch.autograd.grad(loss(W), W)
        optimizer.step()
    W = W.detach()
    return W, float(loss(W))
