"""EqCo's toy: mutual information of correlated Gaussians, estimated with K negatives (Table 5)."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from contrastive_lab.analysis.gaussian_figure import Row, draw
from contrastive_lab.analysis.result import AnalysisResult
from contrastive_lab.analysis.settings import Rule, check_settings
from contrastive_lab.randomness import generator
from contrastive_lab.theory.gaussian.critics import Critics, critic_losses, fit
from contrastive_lab.theory.gaussian.pairs import correlation, density_ratio_losses, estimates, skew_kl

# Zhu et al. 2020 (EqCo), Table 5, as printed: true information -> K -> (InfoNCE, EqCo with alpha = 512). The labels of
# the rows and alpha were lost in the text at hand; no other order and no other alpha gives these numbers.
PAPER: dict[float, dict[int, tuple[float, float]]] = {
    2: {64: (1.7, 1.9), 128: (1.8, 1.9), 256: (1.9, 1.9), 512: (1.9, 1.9)},
    4: {64: (2.9, 3.8), 128: (3.2, 3.7), 256: (3.4, 3.6), 512: (3.6, 3.6)},
    6: {64: (3.6, 5.1), 128: (4.1, 5.0), 256: (4.5, 4.9), 512: (4.9, 4.9)},
    8: {64: (3.9, 5.8), 128: (4.6, 5.7), 256: (5.1, 5.7), 512: (5.6, 5.6)},
    10: {64: (4.1, 6.1), 128: (4.7, 6.0), 256: (5.4, 6.0), 512: (6.0, 6.0)},
}


def run(
    mi: Sequence[float],
    K: Sequence[int],
    alpha: float,
    above: Sequence[float],
    d: int,
    hidden: int,
    width: int,
    steps: int,
    lr: float,
    batches: int,
    seed: int,
) -> AnalysisResult:
    """Train critics on Gaussian pairs and set their estimates beside the truth, the paper and the perfect critic.

    All settings of one K are trained at once. Where K = alpha one critic serves both objectives.

    Args:
        mi: true mutual information in nats, below 2 d.
        K: negatives of a pair, one or several.
        alpha: EqCo's alpha, for all K.
        above: larger alphas, trained at the smallest K only. ln(1 + alpha) - loss is no strict lower bound of the
            mutual information when K is far below alpha: alpha = 4096 at K = 64 gives 2.07 > 2, 4.54 > 4 and 6.59 > 6.
        d: dimensions of x and of y.
        hidden: units of the hidden layer.
        width: dimensions of the inner product.
        steps: of training.
        lr: of Adam.
        batches: that the estimates are averaged over.
        seed: of weights and pairs.

    Returns:
        A row for each true value, objective and K: estimate and standard error in nats, the paper's number (None where
        it has none), the perfect critic's estimate with its standard error, and its limit for infinitely many
        negatives.

    Raises:
        ValueError: names a dial that is out of range.

    Source: Zhu et al. 2020 (EqCo), Sec. 3, Eq. 9 and 10, Table 5.
    """
    _check({"d": d, "hidden": hidden, "width": width, "steps": steps}, mi, K, alpha, above, lr, batches)
    rho = torch.tensor([correlation(value, d) for value in mi], dtype=torch.float64)
    rows: list[Row] = []
    for k in sorted(set(K)):
        extra = sorted(set(above)) if k == min(K) else []
        alphas = list(dict.fromkeys([float(k), alpha, *extra]))
        source = generator(seed, "gaussian_mi", k)
        critics = Critics(len(alphas) * len(mi), d, hidden, width, source)
        losses = critic_losses(critics, alphas)
        fit(losses, critics, rho.float(), k, d, steps, lr, source)
        trained = estimates(losses, alphas, rho.float(), k, d, batches, source)
        perfect = estimates(density_ratio_losses(rho, d, alphas), alphas, rho, k, d, batches, source)
        numbers = dict(zip(alphas, torch.stack([*trained, *perfect], dim=2), strict=True))
        for objective, a in [("InfoNCE", float(k)), *(("EqCo", a) for a in (alpha, *extra))]:
            rows += _rows(objective, k, a, mi, d, numbers[a])
    rows.sort(key=lambda row: (row["mi"], row["objective"] == "EqCo", row["objective"] == "EqCo" and row["alpha"]))
    return AnalysisResult(rows, draw(rows, alpha), _summary(rows, alpha))


def _check(
    counts: dict[str, int],
    mi: Sequence[float],
    K: Sequence[int],
    alpha: float,
    above: Sequence[float],
    lr: float,
    batches: int,
) -> None:
    most = 2 * counts["d"]
    rules: list[Rule] = [
        *((name, value, value >= 1, "1 or more") for name, value in counts.items()),
        ("mi", mi, bool(mi) and all(0 < value < most for value in mi), f"numbers above 0 and below 2 d = {most}"),
        ("K", K, bool(K) and min(K) >= 1, "whole numbers, 1 or more"),
        ("alpha", alpha, 0 < alpha < math.inf, "above 0"),
        ("above", above, all(alpha < value < math.inf for value in above), "numbers larger than theory.alpha, or []"),
        ("lr", lr, 0 < lr < math.inf, "above 0"),
        ("batches", batches, batches >= 2, "2 or more"),
    ]
    check_settings(rules)


def _rows(objective: str, K: int, alpha: float, mi: Sequence[float], d: int, numbers: Tensor) -> Iterator[Row]:
    """The rows of one training: `numbers` (M, 4) are the critics' and the perfect estimates, each with its error."""
    for value, (estimate, error, perfect, perfect_error) in zip(mi, numbers.tolist(), strict=True):
        yield {
            "mi": value,
            "objective": objective,
            "K": K,
            "alpha": alpha,
            "estimate": estimate,
            "standard_error": error,
            "paper": _printed(objective, value, K, alpha, d),
            "perfect_critic": perfect,
            "perfect_standard_error": perfect_error,
            "limit": skew_kl(correlation(value, d), d, alpha),
        }


def _printed(objective: str, mi: float, K: int, alpha: float, d: int) -> float | None:
    """The cell of Table 5, None where the paper has none."""
    if d != 20 or K not in PAPER.get(mi, {}) or (objective == "EqCo" and alpha != 512):
        return None
    return PAPER[mi][K][objective == "EqCo"]


def _summary(rows: list[Row], alpha: float) -> dict[str, Any]:
    """How far from the paper, how flat over K, and where the estimate is above the truth."""
    gaps = [abs(row["estimate"] - row["paper"]) for row in rows if row["paper"] is not None]
    flat = [[r["estimate"] for r in rows if r["mi"] == mi and r["alpha"] == alpha] for mi in {r["mi"] for r in rows}]
    beyond = [
        f"{row['estimate']:.2f} > {row['mi']:g} (K = {row['K']}, alpha = {row['alpha']:g})"
        for row in rows
        if row["estimate"] - 3 * row["standard_error"] > row["mi"]
    ]
    return {
        "cells_of_the_paper": len(gaps),
        "largest_difference_from_the_paper": max(gaps, default=None),
        "largest_spread_of_EqCo_over_K": max(max(values) - min(values) for values in flat),
        "no_lower_bound_when_K_is_far_below_alpha": "; ".join(beyond) or "no estimate above the true value here",
    }
