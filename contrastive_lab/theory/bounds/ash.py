"""An upper bound on the supervised loss that is finite for every K and weighs collisions against coverage.

Source: Ash et al. 2022 (AISTATS); its coefficient was read in the public code of Bao et al. 2022 and derived with all
constants, for any prior too: docs/bounds.md. A ValueError names K < 1, one class alone, or what `prior` finds.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from contrastive_lab.theory.bounds.terms import Terms
from contrastive_lab.theory.coupon.coverage import Floats
from contrastive_lab.theory.coupon.draws import expected_draws
from contrastive_lab.theory.coupon.prior import at_least, is_uniform, prior


def ash_upper(terms: Terms, K: int, classes: int | None = None, probs: ArrayLike | None = None) -> float:
    """Upper bound on the supervised loss: `ash_coefficient` * (L_info - E ln(Col + 1) - d(f)).

    d(f) = 0 if positives share a label; with it the bound holds for views of one image.
    """
    coefficient = ash_coefficient(K, classes, probs)
    return coefficient * (terms.L_info - terms.collision - terms.d) if coefficient < math.inf else math.inf


def ash_coefficient(K: int, classes: int | None = None, probs: ArrayLike | None = None) -> float:
    """2 max(1, 2 (C - 1) H_{C-1} / K) / (1 - 1/C)^K, H the harmonic numbers, for K >= 1 and C >= 2 equal classes.

    With `probs` (C,) in place of `classes`, it is the greatest over the anchor's class c of
    2 max(1, 2 E[T_c] / K) / (1 - p_c)^K, T_c the draws that collect all other classes (derived). 2 or more; infinite
    where (1 - p_c)^K is below the smallest number.
    """
    at_least("K", K, 1)
    p = prior(classes, probs)
    at_least("classes", len(p), 2)
    return max(_coefficient(K, p, anchor) for anchor in range(1 if is_uniform(p) else len(p)))


def _coefficient(K: int, p: Floats, anchor: int) -> float:
    others = np.delete(p, anchor)
    clean = float(others.sum() ** K)  # P(Col = 0)
    return 2 * max(1.0, 2 * expected_draws(probs=others / others.sum()) / K) / clean if clean else math.inf
