"""Two lower bounds on the contrastive loss, and the upper bounds on the supervised loss that follow from them.

Letters: C classes, an anchor x of class c, K negatives, tau temperature, z unit features, mu(x) their mean over the
augmentations of x, mu_c the mean of mu(x) over class c (inside the sphere), Col the number of negatives of class c, and
S the set of labels among the anchor and its negatives. l_S = -ln(exp(z.mu_c / tau) / sum_{j in S} exp(z.mu_j / tau)).
All losses and bounds are in nats.

    Arora:   L_info >= E[1{Col = 0} l_S] + E ln(Col + 1) + d(f)
    coupon:  L_info >= 1/2 (E l_S + E ln(Col + 1)) + d(f)

The upper bounds are these solved for the loss: of E[l_S | S has all classes], and Col = 0 for Arora, which is L_sup for
equally frequent classes. They are infinite where that event has no probability.

Sources: Arora et al. 2019, Sec. 4, as Nozawa & Sato 2021 adapt it to views of one image, and the main theorem of Nozawa
& Sato 2021, which counts the draws that it takes to collect all labels. The constants were derived anew and checked by
enumeration; the full text of the second paper was not at hand, the authors' public code was.
"""

import math
from typing import NamedTuple


class Terms(NamedTuple):
    """What the bounds are made of: losses, `d` <= 0, and in the last three probabilities."""

    L_info: float  # contrastive loss
    L_sup: float  # supervised loss of the mean classifier, E l_S with S all C classes
    sup: float  # E[1{S has all classes} l_S]
    sub: float  # E[1{S lacks a class} l_S]
    clean_sup: float  # E[1{Col = 0, S has all classes} l_S]
    clean_sub: float  # E[1{Col = 0, S lacks a class} l_S]
    collision: float  # E ln(Col + 1)
    d: float  # E[min(0, z.(mu_c - mu(x)))] / tau, what it costs to put the class mean in place of the image's own
    upsilon: float  # P(S has all classes)
    clean: float  # P(Col = 0), 1 - tau_K in the papers
    rho: float  # P(Col = 0 and S has all classes)


def arora_lower(terms: Terms) -> float:
    """Lower bound on L_info of Arora et al."""
    return terms.clean_sup + terms.clean_sub + terms.collision + terms.d


def coupon_lower(terms: Terms) -> float:
    """Lower bound on L_info of Nozawa & Sato."""
    return (terms.sup + terms.sub + terms.collision) / 2 + terms.d


def arora_exact(terms: Terms) -> float:
    """Upper bound on the supervised loss: `arora_lower` solved for it; derived."""
    return _over(terms.L_info - terms.clean_sub - terms.collision - terms.d, terms.rho)


def arora_repo(terms: Terms) -> float:
    """The same with P(Col = 0) for `rho`, as the authors' public code plots it; at small K it can be below L_sup."""
    return _over(terms.L_info - terms.clean_sub - terms.collision - terms.d, terms.clean)


def coupon_exact(terms: Terms) -> float:
    """Upper bound on the supervised loss: `coupon_lower` solved for it; derived."""
    return _over(2 * terms.L_info - terms.sub - terms.collision - 2 * terms.d, terms.upsilon)


def repo_half_sub(terms: Terms) -> float:
    """The same with half of `sub`: how the authors' public code plots the coupon bound; valid, but looser."""
    return _over(2 * terms.L_info - terms.sub / 2 - terms.collision - 2 * terms.d, terms.upsilon)


def columns(terms: Terms) -> dict[str, float]:
    """Every term and every bound by name: a part of a table's row."""
    bounds = (coupon_lower, arora_lower, coupon_exact, repo_half_sub, arora_exact, arora_repo)
    return {**terms._asdict(), **{bound.__name__: bound(terms) for bound in bounds}}


def _over(loss: float, probability: float) -> float:
    return loss / probability if probability > 0 else math.inf
