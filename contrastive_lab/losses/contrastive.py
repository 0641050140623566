"""The contrastive loss and what is read off it. Two tensors in, one number out.

`pos` (N,) are the cosines of N queries with their keys, `neg` (N, K) those with K >= 1 negatives each, tau > 0 is the
temperature, finite results down to 0.01, and alpha > 0 EqCo's weight of the negatives, None for K. A ValueError of one
line says what does not fit. All functions compute in float32 or better, also under autocast, give one value per query,
(N,), where nothing else is said, and know nothing of where negatives come from.
"""

import math
from typing import Any, Literal, cast

import torch
from torch import Tensor
from torch.nn import functional as F


def eqco_margin(K: int, alpha: float, tau: float) -> float:
    """EqCo's margin m = tau * log(alpha / K), to be subtracted from the positive cosine, in units of it.

    The loss then behaves as with alpha negatives; the margin is positive for K < alpha.

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

    () or with `reduction` "none" (N,). The margin is read off the width K of `neg`; alpha = K is plain InfoNCE, and
    infinity the limit less log(alpha), which is `dcl`: log(mean_k exp(neg_k / tau)) - pos / tau.

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
    """Estimate of the mutual information of query and key in nats: log(1 + alpha) - loss, of the shape of the loss.

    `loss` is that of `info_nce` under a finite alpha (its K where alpha was None). The papers call it a lower bound.
    That holds for K = alpha and in the limit of many negatives; for K far below alpha it can exceed the true value.

    >>> mi_estimate(math.log(16), alpha=15)  # equal cosines: no information
    0.0

    Source: Zhu et al. 2020 (EqCo), Eq. 4 and 6.
    """
    if not 0 < alpha < math.inf:
        raise ValueError(f"alpha must be > 0 and finite, not {alpha}")
    return math.log1p(alpha) - loss


def gradient_bound(pos: Tensor, neg: Tensor, tau: float, alpha: float | None = None) -> Tensor:
    """Upper bound on the L2 norm of d loss_i / d q_i: (2 / tau) * (1 - p), p the probability of the positive.

    q_i and the keys are unit vectors. With the expectation over negatives instead of their mean it is EqCo's Theorem 2.

    >>> gradient_bound(torch.tensor([0.5]), torch.tensor([[0.5]]), tau=0.5)  # p = 1/2 where the cosines are equal
    tensor([2.])

    Source: Zhu et al. 2020 (EqCo), Eq. 7.
    """
    return 2 / tau * torch.sigmoid(_log_odds(pos, neg, tau, alpha))


def nce(pos: Tensor, neg: Tensor, tau: float, images: int, log_Z: Tensor | float) -> Tensor:
    """Noise-contrastive estimation with a constant normaliser Z, as NPID publishes it; not InfoNCE.

    -log h(pos) - sum_k log(1 - h(neg_k)) with h = P / (P + K / n) and P = exp(cosine / tau) / Z, Z about n times the
    mean of exp(cosine / tau). The keys are entries, the K chosen uniformly from all n of the `images`.

    Source: Wu et al. 2018, Eq. 5 to 8.
    """
    log_noise = math.log(neg.shape[1] / images)
    odds = [at_least_float32(cosine) / tau - log_Z - log_noise for cosine in (pos, neg)]
    return F.softplus(-odds[0]) + F.softplus(odds[1]).sum(dim=1)


def swap(scores: Tensor, codes: Tensor, tau: float) -> Tensor:
    """SwAV's swapped prediction: cross-entropy of one view's codes with the softmax of another's scores.

    `scores` (N, P) are the cosines of one view with the prototypes, `codes` (N, P), whose rows sum to 1, those of
    another view of the same images. Source: Caron et al. 2020 (SwAV), Eq. 2.
    """
    return -(codes * torch.log_softmax(at_least_float32(scores) / tau, dim=1)).sum(dim=1)


def supcon(cosines: Tensor, positives: Tensor, own: Tensor, tau: float) -> Tensor:
    """Supervised contrastive loss, a query's mean over its positives of minus the log softmax over all others.

    `cosines` are (N, M), of the queries with all M >= 2 keys; `positives` (N, M) are true where the key is of the
    query's class and not the query itself, whose index among the keys is `own` (N,). 0 for a query without positives.

    Source: Khosla et al. 2020 (SupCon), Eq. 2 (L_out).
    """
    logits = at_least_float32(cosines) / tau
    itself = torch.zeros_like(positives).scatter(1, own[:, None], value=True)
    log_p = torch.log_softmax(logits.masked_fill(itself, -torch.inf), dim=1)
    return -log_p.masked_fill(~positives, 0.0).sum(dim=1) / positives.sum(dim=1).clamp(min=1)


def log_sum_exp(x: Tensor, tau: float) -> Tensor:
    """Log of the sum of exp(x / tau) over the columns of finite `x` (N, K), K >= 1, for tau > 0: (N,) in its dtype.

    As `torch.logsumexp(x / tau, dim=1)`, whose exponentials its backward pass computes anew and this one keeps: more
    than twice as fast with many keys, in the same memory. RuntimeError for a second derivative, which it has not.
    """
    return cast(Tensor, _LogSumExp.apply(x, tau))


class _LogSumExp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, tau: float) -> Tensor:
        largest = x.amax(dim=1, keepdim=True)
        exps = torch.sub(x, largest).mul_(1 / tau).exp_()
        total = exps.sum(dim=1)
        ctx.save_for_backward(exps, total)
        ctx.tau = tau
        return total.log() + largest[:, 0] / tau

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        if torch.is_grad_enabled():  # create_graph=True, under which the exponentials would count as constants
            raise RuntimeError("the contrastive losses have a first derivative alone")
        exps, total = ctx.saved_tensors
        return exps * (grads[0] / (total * ctx.tau))[:, None], None


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
    return log_sum_exp(neg, tau) - (pos - margin) / tau
