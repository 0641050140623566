"""The terms of the bounds in closed form, for features that show the class and nothing else."""

import math

import numpy as np
from scipy.stats import binom

from contrastive_lab.theory.bounds.terms import Terms
from contrastive_lab.theory.coupon.collision import no_collision_probability
from contrastive_lab.theory.coupon.draws import distinct_law
from contrastive_lab.theory.coupon.prior import at_least


def collapsed_terms(draws: int, classes: int, tau: float = 0.5, cosine: float | None = None) -> Terms:
    """All terms where every view of an image of class c has the one unit feature v_c, and v_c.v_j is a constant.

    Labels are independent and uniform. With e = exp((cosine - 1) / tau): L_info = E ln(1 + m + (K - m) e) with
    m ~ Bin(K, 1/C), l_S = ln(1 + (|S| - 1) e), d = 0. Without a collision, the K others are labels of C - 1 classes.
    `draws` is K + 1, 2 or more as C is, and tau > 0. `cosine` is v_c.v_j, in [-1 / (C - 1), 1]; None means
    -1 / (C - 1), a regular simplex, the minimum of the supervised loss. A ValueError names what is out of range.
    Exact but for rounding. Derived. The form of L_info is that of `nceloss_min` in the public code of Bao et al. 2022.
    """
    at_least("classes", classes, 2)
    least = -1 / (classes - 1)
    cosine = least if cosine is None else cosine
    if draws < 2 or not tau > 0 or not least <= cosine <= 1:
        settings = f"draws={draws}, tau={tau}, cosine={cosine}"
        raise ValueError(f"needs draws >= 2, tau > 0 and cosine in [{least:.4g}, 1], not {settings}")
    K, e = draws - 1, math.exp((cosine - 1) / tau)
    same = np.arange(K + 1)
    collisions = binom.pmf(same, K, 1 / classes)
    losses = np.log1p(np.maximum(np.arange(classes + 1) - 1, 0) * e)  # l_S by |S|
    clean = no_collision_probability(K, classes)
    seen, others = distinct_law(draws, classes), clean * distinct_law(K, classes - 1)  # laws of |S|
    return Terms(
        L_info=float(collisions @ np.log1p(same + (K - same) * e)),
        L_sup=float(losses[-1]),
        sup=float(seen[-1] * losses[-1]),
        sub=float(seen[:-1] @ losses[:-1]),
        clean_sup=float(others[-1] * losses[-1]),
        clean_sub=float(others[:-1] @ losses[1:-1]),
        collision=float(collisions @ np.log1p(same)),
        d=0.0,
        upsilon=float(seen[-1]),
        clean=clean,
        rho=float(others[-1]),
    )
