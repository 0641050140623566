"""EqCo's toy: correlated Gaussian pairs, whose mutual information is known, and what a perfect critic estimates.

Letters: M settings computed at once, N pairs of a batch, K = N - 1 negatives of a pair, d dimensions, rho correlation
of a coordinate of x with that of y, r(x, y) = p(x, y) / (p(x) p(y)) the density ratio. Information is in nats; x and y
are (M, N, d), `rho` is (M,) where a tensor, and scores are (M, N, N) of each x with each y, pairs on the diagonal.
Source: Zhu et al. 2020 (EqCo), Sec. 3, Eq. 9 and 10, and Table 5. The density ratio and its limit are derived.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from contrastive_lab.losses import info_nce, mi_estimate
from contrastive_lab.pairs import in_batch

Losses = Callable[[Tensor, Tensor], Tensor]


def correlation(mi: float, d: int) -> float:
    """The rho at which d coordinates carry `mi` nats, 0 < mi < 15 d: sqrt(1 - exp(-2 mi / d)); EqCo, Eq. 10."""
    if d < 1 or not 0 < mi < 15 * d:
        raise ValueError(f"correlation needs d >= 1 and 0 < mi < 15 d, not mi={mi}, d={d}")
    return math.sqrt(-math.expm1(-2 * mi / d))


def mutual_information(rho: float, d: int) -> float:
    """Mutual information of x and y in nats: -(d / 2) ln(1 - rho^2); EqCo, Eq. 10."""
    return -d / 2 * math.log1p(-(rho**2))


def sample_pairs(rho: Tensor, n: int, d: int, source: torch.Generator) -> tuple[Tensor, Tensor]:
    """Pairs x and y = rho x + sqrt(1 - rho^2) eps, x and eps standard normal, in the dtype of rho; EqCo, Eq. 9."""
    x, noise = torch.randn(2, len(rho), n, d, generator=source, dtype=rho.dtype)
    rho = rho[:, None, None]
    return x, rho * x + (1 - rho**2).sqrt() * noise


def log_density_ratio(x: Tensor, y: Tensor, rho: Tensor) -> Tensor:
    """Ln r of each x, down the rows, with each y: the scores of the best critic there is. Derived.

    ln r = sum_j [-ln(1 - rho^2) / 2 - (y_j - rho x_j)^2 / (2 (1 - rho^2)) + y_j^2 / 2].
    """
    rho = rho[:, None, None]
    squares = x.square().sum(2)[:, :, None] + y.square().sum(2)[:, None]
    exponent = (2 * rho * (x @ y.mT) - rho**2 * squares) / (2 * (1 - rho**2))
    return exponent - x.shape[2] / 2 * torch.log1p(-(rho**2))


def in_batch_losses(scores: Tensor, alpha: float | None = None) -> Tensor:
    """`info_nce` of each setting, (M,) means over the N >= 2 rows, tau = 1; the rest of a row are the negatives.

    alpha is EqCo's, the same for all settings; None means alpha = K.
    """
    M, N, _ = scores.shape
    return info_nce(*in_batch(scores), 1.0, alpha, "none").view(M, N).mean(dim=1)


def estimates(
    losses: Losses, alphas: Sequence[float], rho: Tensor, K: int, d: int, batches: int, source: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Estimates ln(1 + alpha) - loss of the mutual information: means over batches and their standard errors, (A, M).

    `losses` takes x and y of 2 or more fresh batches of K + 1 pairs to the losses (A, M) under the A alphas. For K far
    below alpha the mean is no lower bound of the mutual information, not even for the perfect critic: at K = 1 the loss
    is about ln alpha + E ln(u_1 / u_0), u the exponential of a score, with no lowest value. Source: EqCo, Eq. 4 and 6.
    """
    with torch.no_grad():
        drawn = torch.stack([losses(*sample_pairs(rho, K + 1, d, source)) for _ in range(batches)]).double()
    values = torch.stack([torch.as_tensor(mi_estimate(drawn[:, i], alpha)) for i, alpha in enumerate(alphas)], dim=1)
    return values.mean(dim=0), values.std(dim=0) / math.sqrt(batches)


def density_ratio_losses(rho: Tensor, d: int, alphas: Sequence[float]) -> Losses:
    """Losses of the perfect critic ln r under each alpha, for `estimates`; rho in float64.

    Their estimates fall with K, at fixed alpha, towards `skew_kl` (Jensen). [derived] The mean of ln(1 + alpha / r)
    over the pairs, whose expectation `skew_kl` knows, is exchanged for it, which leaves the expectation of the losses
    as it is and takes most of their variance.
    """
    limits = [[math.log1p(alpha) - skew_kl(float(one), d, alpha) for one in rho] for alpha in alphas]
    exact = torch.tensor(limits, dtype=rho.dtype)

    def losses(x: Tensor, y: Tensor) -> Tensor:
        scores = log_density_ratio(x, y, rho)
        pairs = scores.diagonal(dim1=1, dim2=2)
        limit = torch.stack([F.softplus(math.log(alpha) - pairs).mean(dim=1) for alpha in alphas])
        single = scores.float()  # half the memory to move; exact enough once ln r is known
        return torch.stack([in_batch_losses(single, alpha) for alpha in alphas]) - limit + exact

    return losses


def skew_kl(rho: float, d: int, alpha: float, nodes: int = 401) -> float:
    """The perfect critic's estimate with infinitely many negatives: KL(p || (p + alpha q) / (1 + alpha)) in nats.

    p = p(x, y) and q = p(x) p(y), 0 <= rho < 1, d >= 1, alpha > 0. It equals E[ln(1 + alpha) - ln(1 + alpha / r)] over
    pairs, at most min(I, ln(1 + alpha)), and tends to I as alpha grows. [derived]

    Over pairs, ln r = I + rho (a - b) / 2, a and b independent chi-squared variables of d degrees of freedom (from the
    sum and the difference of x and y), so that the expectation is a double integral. The trapezoidal rule in ln(a / d)
    and ln(b / d) computes it: the integrand is smooth and vanishes at both ends, so the error falls exponentially with
    the `nodes` of either axis; 401 leave an error below 1e-8 nats.
    """
    if not 0 <= rho < 1 or d < 1 or not alpha > 0:
        raise ValueError(f"skew_kl needs 0 <= rho < 1, d >= 1 and alpha > 0, not rho={rho}, d={d}, alpha={alpha}")
    u = torch.linspace(-1 - 80 / d, math.log1p(80 / d + 4 * math.sqrt(20 / d)), nodes, dtype=torch.float64)
    weights = torch.softmax(d / 2 * (u - u.exp()), dim=0)
    log_r = mutual_information(rho, d) + rho * d / 2 * (u.exp()[:, None] - u.exp())
    values = math.log1p(alpha) - F.softplus(math.log(alpha) - log_r)
    return float(weights @ values @ weights)
