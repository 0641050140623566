"""The contrastive loss and what is read off it. Two tensors in, one number out.

Letters: N queries, K negatives of a query, tau temperature, alpha the weight of the negatives (EqCo).
All functions compute in float32 or better, also under autocast, and know nothing of where negatives come from.
"""

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F


def eqco_margin(K: int, alpha: float, tau: float) -> float:
    """EqCo's margin m = tau * log(alpha / K), to be subtracted from the positive cosine.

    Args:
        K: number of negatives of a query, at least 1.
        alpha: the number of negatives the loss should behave like, > 0.
        tau: temperature, > 0.

    Returns:
        The margin in units of the cosine: positive for K < alpha, zero at K = alpha.

    Raises:
        ValueError: if K < 1, alpha <= 0 or tau <= 0.

    Example:
        >>> eqco_margin(K=16, alpha=16, tau=0.2)
        0.0
        >>> round(eqco_margin(K=16, alpha=256, tau=0.2), 4)  # 0.2 * log(16)
        0.5545

    Source: Zhu et al. 2020 (EqCo), Eq. 5.
    """
    if K < 1 or alpha <= 0 or tau <= 0:
        raise ValueError(f"eqco_margin needs K >= 1, alpha > 0 and tau > 0, not K={K}, alpha={alpha}, tau={tau}")
    return tau * math.log(alpha / K)


def info_nce(
    pos: Tensor, neg: Tensor, tau: float, alpha: float | None = None, reduction: Literal["mean", "none"] = "mean"
) -> Tensor:
    """The contrastive loss: mean over queries of log(1 + alpha * mean_k exp((neg_k - pos) / tau)).

    K is the width of `neg`; the margin is read off the tensor. alpha = K is plain InfoNCE.

    Args:
        pos: cosine of each query with its key, (N,).
        neg: cosines of each query with its K negatives, (N, K).
        tau: temperature, > 0; results are finite down to 0.01.
        alpha: weight of the negatives, > 0; None means alpha = K. Infinity is the limit less log(alpha), which is
            `dcl`: log(mean_k exp(neg_k / tau)) - pos / tau.
        reduction: "mean" for the mean over queries, "none" for one value per query.

    Returns:
        () with "mean", (N,) with "none".

    Raises:
        ValueError: on other shapes or reductions, no negatives, tau <= 0 or alpha <= 0.

    Example: the key is at cosine 1 and both negatives at 0, so that the loss is log(1 + alpha * exp(-1 / tau)).
        >>> pos, neg = torch.tensor([1.0]), torch.tensor([[0.0, 0.0]])
        >>> round(info_nce(pos, neg, tau=1.0).item(), 4)  # log(1 + 2 / e)
        0.5514
        >>> round(info_nce(pos, neg, tau=1.0, alpha=math.e).item(), 4)  # log(2)
        0.6931

    Source: Zhu et al. 2020 (EqCo), Eq. 1 and 5; van den Oord et al. 2018 for alpha = K.
    """
    if reduction not in ("mean", "none"):
        raise ValueError(f'reduction is "mean" or "none", not {reduction!r}')
    odds = _log_odds(pos, neg, tau, 1.0 if alpha == math.inf else alpha)
    losses = odds if alpha == math.inf else F.softplus(odds, threshold=40.0)
    return losses.mean() if reduction == "mean" else losses


def mi_estimate(loss: Tensor | float, alpha: float) -> Tensor | float:
    """Estimate of the mutual information of query and key in nats: log(1 + alpha) - loss.

    The papers call it a lower bound. That holds for K = alpha (log(1 + K) - loss) and in the limit of many
    negatives; for K far below alpha it is no strict bound and can exceed the true value, so it is an estimate.

    Args:
        loss: value of `info_nce`, of any shape, which is that of the result, too.
        alpha: the alpha of that loss (its K where alpha was None), > 0 and finite: at infinity there is no estimate.

    Example:
        >>> mi_estimate(0.0, alpha=15) == math.log(16)  # the most that alpha = 15 can show
        True
        >>> mi_estimate(math.log(16), alpha=15)  # equal cosines: no information
        0.0

    Source: Zhu et al. 2020 (EqCo), Eq. 4 and 6.
    """
    if not 0 < alpha < math.inf:
        raise ValueError(f"alpha must be > 0 and finite, not {alpha}")
    return math.log1p(alpha) - loss


def gradient_bound(pos: Tensor, neg: Tensor, tau: float, alpha: float | None = None) -> Tensor:
    """Upper bound on the norm of each query's gradient: (2 / tau) * (1 - p), p the probability of the positive.

    Args:
        pos: (N,) cosines, as for `info_nce`.
        neg: (N, K) cosines.
        tau: temperature, > 0.
        alpha: weight of the negatives; None means alpha = K.

    Returns:
        (N,) bounds on the L2 norm of d loss_i / d q_i, q on the unit sphere and keys of unit norm. With the
        expectation over negatives in place of their mean it is EqCo's Theorem 2.

    Example: equal cosines, p = 1 / (1 + K) = 1/2, and (2 / 0.5) * 1/2 = 2.
        >>> gradient_bound(torch.tensor([0.5]), torch.tensor([[0.5]]), tau=0.5)
        tensor([2.])

    Source: Zhu et al. 2020 (EqCo), Eq. 7.
    """
    return 2 / tau * torch.sigmoid(_log_odds(pos, neg, tau, alpha))


def nce(pos: Tensor, neg: Tensor, tau: float, images: int, log_Z: Tensor | float) -> Tensor:
    """Noise-contrastive estimation with a constant normaliser, as NPID publishes it; not InfoNCE.

    Args:
        pos: cosine of each query with its own entry, (N,).
        neg: cosines with K entries chosen uniformly from all, (N, K).
        tau: temperature, > 0.
        images: number of entries n.
        log_Z: logarithm of the normaliser Z, which is about n times the mean of exp(cosine / tau).

    Returns:
        (N,): -log h(pos) - sum_k log(1 - h(neg_k)) with h = P / (P + K / n) and P = exp(cosine / tau) / Z.

    Source: Wu et al. 2018, Eq. 5 to 8.
    """
    log_noise = math.log(neg.shape[1] / images)
    odds = [at_least_float32(cosine) / tau - log_Z - log_noise for cosine in (pos, neg)]
    return F.softplus(-odds[0]) + F.softplus(odds[1]).sum(dim=1)


def swap(scores: Tensor, codes: Tensor, tau: float) -> Tensor:
    """SwAV's swapped prediction: cross-entropy of one view's codes with the softmax of another's scores, (N,).

    Args:
        scores: (N, P) cosines of one view with the prototypes.
        codes: (N, P) of another view of the same images, rows sum to 1.
        tau: temperature, > 0.

    Source: Caron et al. 2020 (SwAV), Eq. 2.
    """
    return -(codes * torch.log_softmax(at_least_float32(scores) / tau, dim=1)).sum(dim=1)


def supcon(cosines: Tensor, positives: Tensor, own: Tensor, tau: float) -> Tensor:
    """Supervised contrastive loss, a query's mean over its positives of minus the log softmax over all others, (N,).

    Args:
        cosines: (N, M) of the queries with all keys.
        positives: (N, M), true where the key is of the query's class and not the query itself; at least one a row.
        own: (N,) index of the query itself among the keys.
        tau: temperature, > 0.

    Source: Khosla et al. 2020 (SupCon), Eq. 2 (L_out).
    """
    logits = at_least_float32(cosines) / tau
    itself = torch.zeros_like(positives).scatter(1, own[:, None], value=True)
    log_p = torch.log_softmax(logits.masked_fill(itself, -torch.inf), dim=1)
    return -log_p.masked_fill(~positives, 0.0).sum(dim=1) / positives.sum(dim=1)


def at_least_float32(x: Tensor) -> Tensor:
    """`x` in float32, or as it is where it is more precise."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _log_odds(pos: Tensor, neg: Tensor, tau: float, alpha: float | None) -> Tensor:
    """Log of alpha * mean_k exp((neg_k - pos) / tau), (N,): the log odds of "not the positive"."""
    if pos.ndim != 1 or neg.ndim != 2 or len(pos) != len(neg) or neg.shape[1] < 1:
        raise ValueError(f"pos (N,) and neg (N, K), K >= 1, are needed, not {tuple(pos.shape)} and {tuple(neg.shape)}")
    K = neg.shape[1]
    margin = eqco_margin(K, K if alpha is None else alpha, tau)
    pos, neg = at_least_float32(pos), at_least_float32(neg)
    return torch.logsumexp(neg / tau, dim=1) - (pos - margin) / tau
