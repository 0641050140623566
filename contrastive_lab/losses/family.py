"""Losses of one query with its K negatives that differ from InfoNCE in one respect each; docs/losses.md has the table.

All take `pos` (N,), the cosine of each query with its key, and `neg` (N, K), those with its K >= 1 negatives. The
losses return one value per query, (N,); all compute in float32 or better and are finite for tau down to 0.01. The log
ratio of a query is r = log mean_k exp((neg_k - pos) / tau), which is `dcl`; InfoNCE and EqCo are log(1 + alpha e^r),
with the gradient (w / tau) (sum_k s_k key_k - key_0) at the query, w of `factor` and s the softmax of neg / tau.

A ValueError of one line names the argument that is out of range. alpha is the weight of the negatives, None for K.
"""

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from contrastive_lab.losses.contrastive import at_least_float32, log_sum_exp


def dcl(pos: Tensor, neg: Tensor, tau: float, sigma: float | None = None, all_pos: Tensor | None = None) -> Tensor:
    """The decoupled loss, log mean_k exp(neg_k / tau) - v pos / tau: EqCo at alpha = infinity, less log alpha.

    v is 1, or with `sigma` > 0 the detached 2 - e / mean(e), e = exp(pos / sigma), DCLW: less pull for positives that
    are close already, and a push for an e above twice the mean. The mean is over `all_pos`, the (M,) positive cosines
    of the queries of all processes, or over `pos` where that is None.

    Source: Yeh et al. 2022 (DCL), Eq. 6 by lightly's documentation, L_DC, and L_DCW; the paper sums over the negatives
    where this has the mean.
    """
    pos, neg = _checked(pos, neg, tau=tau, sigma=1.0 if sigma is None else sigma)
    pull = pos
    if sigma is not None:
        if all_pos is not None and all_pos.ndim != 1:
            raise ValueError(f"all_pos must be of shape (M,), not {tuple(all_pos.shape)}")
        log_mean = _log_mean_exp((pos if all_pos is None else all_pos)[None], sigma)
        pull = (2 - torch.exp(pos / sigma - log_mean)).detach() * pos
    return _log_mean_exp(neg, tau) - pull / tau


def spectral(
    pos: Tensor, neg: Tensor, mu: float = 1.0, phi: Literal["square", "exp"] = "square", phi_tau: float = 0.5
) -> Tensor:
    """The spectral loss, -2 mu pos + mu^2 mean_k phi(neg_k): K changes its noise and not its expectation.

    mu > 0 is the squared norm of the features, phi(c) = c^2 ("square") or exp((c - 1) / phi_tau) ("exp", more weight
    on the closest negatives for a small phi_tau > 0). Both are 1 at a cosine of 1, so that mu means the same.

    Source: HaoChen et al. 2021, the spectral contrastive loss, features of norm sqrt(mu); "exp" is not in the paper.
    """
    pos, neg = _checked(pos, neg, mu=mu, phi_tau=phi_tau)
    if phi not in ("square", "exp"):
        raise ValueError(f'phi is "square" or "exp", not {phi!r}')
    repulsion = neg.square() if phi == "square" else torch.exp((neg - 1) / phi_tau)
    return -2 * mu * pos + mu**2 * repulsion.mean(dim=1)


def debiased(pos: Tensor, neg: Tensor, tau: float, tau_plus: float, alpha: float | None = None) -> Tensor:
    """InfoNCE less the share `tau_plus` of negatives expected to be of the query's own class: `hard` with beta = 0.

    Source: Chuang et al. 2020, the estimator g with one positive (M = 1) and the loss L_Debiased, N = K.
    """
    return hard(pos, neg, tau, 0.0, tau_plus, alpha)


def hard(
    pos: Tensor, neg: Tensor, tau: float, beta: float, tau_plus: float = 0.0, alpha: float | None = None
) -> Tensor:
    """Debiased InfoNCE in which negatives are weighed by exp(beta neg_k / tau): log(1 + alpha G exp(-pos / tau)).

    G = max((m - tau_plus exp(pos / tau)) / (1 - tau_plus), exp(-1 / tau)), m the weighted mean of exp(neg_k / tau);
    beta is >= 0, tau_plus in [0, 1). alpha = inf, log G - pos / tau, needs tau_plus = 0, as near G = 0 its gradient
    has no bound. The gradient runs through the weights, as in the authors' code. InfoNCE at beta = 0, tau_plus = 0.

    Source: Robinson et al. 2021, the debiased objective with importance weights exp(beta neg / tau).
    """
    pos, neg = _checked(pos, neg, tau=tau)
    if not 0 <= beta < math.inf:
        raise ValueError(f"beta must be at least 0 and finite, not {beta}")
    ratio = torch.logsumexp((1 + beta) * neg / tau, dim=1) - torch.logsumexp(beta * neg / tau, dim=1) - pos / tau
    if not 0 <= tau_plus < 1:
        raise ValueError(f"tau_plus must be in [0, 1), not {tau_plus}")
    if tau_plus > 0:  # ratio becomes log G - pos / tau, with a finite gradient everywhere
        lowest, log_share = -(1 + pos) / tau, math.log(tau_plus) - ratio
        left = torch.log1p(-torch.exp(log_share.clamp(max=-2 * torch.finfo(ratio.dtype).eps)))
        ratio = torch.where(log_share < 0, torch.maximum(ratio + left - math.log1p(-tau_plus), lowest), lowest)
    if alpha == math.inf and tau_plus > 0:
        raise ValueError(f"alpha = inf needs tau_plus = 0, not {tau_plus}: the gradient has no bound")
    return ratio if alpha == math.inf else F.softplus(ratio + _log_alpha(alpha, neg), threshold=40.0)


def dual_temperature(pos: Tensor, neg: Tensor, tau: float, second_tau: float, alpha: float | None = None) -> Tensor:
    """InfoNCE times the detached ratio of its `factor` at `second_tau` to that at `tau`: w of second_tau, s of tau.

    Written as w (softplus(x) / sigmoid(x)), x the log odds at tau, whose gradient w dx has no vanishing divisor.
    alpha must be finite: at alpha = inf both factors are 1 and the loss is `dcl`.

    Source: Zhang et al. 2022 (SimCo), the dual temperature; the authors' second temperature is 10 tau.
    """
    w = factor(pos, neg, _positive("second_tau", second_tau), alpha).detach()
    if alpha == math.inf:
        raise ValueError("alpha must be finite for dual_temperature; at alpha = inf it is dcl")
    odds = dcl(pos, neg, tau) + _log_alpha(alpha, neg)
    fixed = odds.detach().clamp(min=-40.0)  # below, softplus / sigmoid is 1 to rounding
    return w * (F.softplus(fixed, threshold=40.0) / torch.sigmoid(fixed) + odds - odds.detach())


def remembered(pos: Tensor, neg: Tensor, tau: float, log_normaliser: Tensor) -> Tensor:
    """`dcl` with a remembered normaliser u in place of mean_k exp(neg_k / tau): value log u - pos / tau.

    Its gradient is that of (sum_k c_k neg_k - pos) / tau, c_k = exp(neg_k / tau) / (K u) held fixed, so that keys are
    weighed by more than the K at hand. `log_normaliser` is log u, (N,), after `updated_normaliser` on the same `neg`,
    which bounds sum_k c_k by 1 / (1 - keep).

    Source: Yuan et al. 2022 (SogCLR), Algorithm 1; the authors' code has no factor 1 / tau (the step size takes it).
    """
    pos, neg = _checked(pos, neg, tau=tau)
    log_u = _one_per_query("log_normaliser", log_normaliser, neg).detach()
    weights = torch.exp(neg.detach() / tau - (log_u + math.log(neg.shape[1]))[:, None])
    repulsion = (weights * neg).sum(dim=1) / tau
    return log_u + (repulsion - repulsion.detach()) - pos / tau


@torch.no_grad()
def updated_normaliser(log_old: Tensor, neg: Tensor, tau: float, keep: float, seen: Tensor) -> Tensor:
    """Log of keep u + (1 - keep) mean_k exp(neg_k / tau), (N,); of the mean alone where not `seen`, a first visit.

    `log_old` is log u, (N,), of any value where not seen; `keep` in [0, 1) is the weight on the old value, 1 - gamma of
    the paper; `seen` is (N,) bool. In logarithms, as exp(1 / tau) is no float32 for a tau below 0.0113.

    Source: Yuan et al. 2022 (SogCLR), Algorithm 1; the authors' code starts at u = 0 in place of the first visit.
    """
    log_mean = _log_mean_exp(neg, _positive("tau", tau))
    log_old = _one_per_query("log_old", log_old, neg)
    if _one_per_query("seen", seen, neg).dtype != torch.bool:
        raise ValueError(f"seen must be bool, not {seen.dtype}")
    if not 0 <= keep < 1:
        raise ValueError(f"keep must be in [0, 1), not {keep}")
    log_kept = log_old + math.log(keep) if keep > 0 else torch.full_like(log_old, -math.inf)
    return torch.where(seen, torch.logaddexp(log_kept, log_mean + math.log1p(-keep)), log_mean)


def factor(pos: Tensor, neg: Tensor, tau: float, alpha: float | None = None) -> Tensor:
    """The factor w = 1 - p0 of the gradient of InfoNCE and EqCo, in (0, 1); 1 at alpha = inf, which is `dcl`.

    p0 = 1 / (1 + alpha e^r) is the softmax probability of the positive.

    Source: Zhu et al. 2020 (EqCo), Eq. 7; 1 - p0 is the negative-positive coupling of Yeh et al. 2022 (DCL).
    """
    return torch.sigmoid(dcl(pos, neg, tau) + _log_alpha(alpha, neg))


def _log_alpha(alpha: float | None, neg: Tensor) -> float:
    if alpha is not None and not alpha > 0:
        raise ValueError(f"alpha must be > 0, not {alpha}")
    return math.log(neg.shape[1] if alpha is None else alpha)


def _positive(name: str, value: float) -> float:
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be > 0 and finite, not {value}")
    return value


def _one_per_query(name: str, x: Tensor, neg: Tensor) -> Tensor:
    if x.shape != neg.shape[:1]:
        raise ValueError(f"{name} must be of shape {tuple(neg.shape[:1])}, not {tuple(x.shape)}")
    return x


def _checked(pos: Tensor, neg: Tensor, **positive: float) -> tuple[Tensor, Tensor]:
    """`pos` and `neg` in float32 or better, of checked shapes; each further number must be positive and finite."""
    neg = _matrix(neg)
    for name, value in positive.items():
        _positive(name, value)
    return at_least_float32(_one_per_query("pos", pos, neg)), neg


def _matrix(neg: Tensor) -> Tensor:
    """`neg` in float32 or better, which must be (N, K) with K >= 1."""
    if neg.ndim != 2 or neg.shape[1] < 1:
        raise ValueError(f"neg must be of shape (N, K), K >= 1, not {tuple(neg.shape)}")
    return at_least_float32(neg)


def _log_mean_exp(x: Tensor, tau: float) -> Tensor:
    """Log of the mean of exp(x / tau) over the columns of `x` (N, K): (N,)."""
    x = _matrix(x)
    return log_sum_exp(x, tau) - math.log(x.shape[1])
