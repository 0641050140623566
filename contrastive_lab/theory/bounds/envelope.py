"""The bounds that need K, tau and the prior beside the terms, as columns of a table, and the least upper bound."""

import math
from collections.abc import Mapping
from typing import Any

from numpy.typing import ArrayLike

from contrastive_lab.theory.bounds.ash import ash_upper
from contrastive_lab.theory.bounds.bao import bao_lower, bao_upper, sharp_lower_gap, sharp_upper_gap
from contrastive_lab.theory.bounds.terms import Terms, columns

UPPER = ("bao_upper", "bao_sharp_upper", "ash", "coupon_exact", "arora_exact")  # each proven; `arora_repo` is none


def small_k_columns(
    terms: Terms, K: int, tau: float, classes: int | None = None, probs: ArrayLike | None = None
) -> dict[str, float]:
    """Both sides of Bao et al., with their constants and with the sharp ones, and Ash et al.: a part of a table's row.

    Arguments and errors as in `bao`, but for 2 classes or more.
    """
    return {
        "bao_upper": bao_upper(terms, K, tau, classes, probs),
        "bao_lower": bao_lower(terms, K, tau, classes, probs),
        "bao_sharp_upper": terms.L_info + sharp_upper_gap(K, tau, classes, probs) - terms.d,
        "bao_sharp_lower": terms.L_info + sharp_lower_gap(K, tau, classes, probs),
        "ash": ash_upper(terms, K, classes, probs),
    }


def all_columns(
    terms: Terms, K: int, tau: float, classes: int | None = None, probs: ArrayLike | None = None
) -> dict[str, Any]:
    """A table's row of all terms and bounds, with the name of the least upper bound as `least_upper`."""
    row = {**columns(terms), **small_k_columns(terms, K, tau, classes, probs)}
    return {**row, "least_upper": envelope(row)[0]}


def envelope(row: Mapping[str, float]) -> tuple[str, float]:
    """Name and value of the least of the upper bounds of `UPPER` that a row has; one that is no number is left out."""
    known = {name: float(row[name]) for name in UPPER if name in row and not math.isnan(row[name])}
    winner = min(known, key=lambda name: known[name])
    return winner, known[winner]
