"""EqCo's toy: mutual information of correlated Gaussians, estimated with K negatives (Table 5)."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from contrastive_lab.analysis.result import AnalysisResult, Row, checked
from contrastive_lab.config.theory import GaussianMi
from contrastive_lab.config.values import typed
from contrastive_lab.errors import ConfigError
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


def run(**values: Any) -> AnalysisResult:
    """Train critics on Gaussian pairs and set their estimates beside the truth, the paper and the perfect critic.

    Args:
        values: as `GaussianMi` describes them.

    Returns:
        A row for each true value, objective and K: estimate and standard error in nats, the paper's number (None where
        it has none), the perfect critic's estimate with its standard error, and its limit for infinitely many
        negatives.

    Raises:
        ConfigError: names a setting that is out of range.

    Source: Zhu et al. 2020 (EqCo), Sec. 3, Eq. 9 and 10, Table 5.
    """
    s = checked(GaussianMi, values)
    _check_together(s)
    rho = torch.tensor([correlation(value, s.d) for value in s.mi], dtype=torch.float64)
    rows: list[Row] = []
    for k in sorted(set(s.K)):
        extra = sorted(set(s.above)) if k == min(s.K) else []
        alphas = list(dict.fromkeys([float(k), s.alpha, *extra]))
        source = generator(s.seed, "gaussian_mi", k)
        critics = Critics(len(alphas) * len(s.mi), s.d, s.hidden, s.width, source)
        losses = critic_losses(critics, alphas)
        fit(losses, critics, rho.float(), k, s.d, s.steps, s.lr, source)
        trained = estimates(losses, alphas, rho.float(), k, s.d, s.batches, source)
        perfect = estimates(density_ratio_losses(rho, s.d, alphas), alphas, rho, k, s.d, s.batches, source)
        numbers = dict(zip(alphas, torch.stack([*trained, *perfect], dim=2), strict=True))
        for objective, a in [("InfoNCE", float(k)), *(("EqCo", a) for a in (s.alpha, *extra))]:
            rows += _rows(objective, k, a, s.mi, s.d, numbers[a])
    rows.sort(key=lambda row: (row["mi"], row["objective"] == "EqCo", row["objective"] == "EqCo" and row["alpha"]))
    return AnalysisResult(rows, _figure(rows, s.alpha), _summary(rows, s.alpha))


def _check_together(s: GaussianMi) -> None:
    if max(s.mi) >= 2 * s.d:
        raise ConfigError(f"theory.mi={typed(s.mi)}: must be numbers above 0 and below 2 d = {2 * s.d}")
    if min(s.above, default=math.inf) <= s.alpha:
        raise ConfigError(f"theory.above={typed(s.above)}: must be numbers larger than theory.alpha, or []")


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


def _figure(rows: list[Row], alpha: float) -> Figure:
    """A panel for each true value, against K, and one against the true value at the smallest K."""
    values, least = sorted({row["mi"] for row in rows}), min(row["K"] for row in rows)
    columns = min(3, len(values) + 1)
    lines = math.ceil((len(values) + 1) / columns)
    figure = Figure(figsize=(3.6 * columns, 0.8 + 2.9 * lines), layout="constrained")
    panels: list[Axes] = list(figure.subplots(lines, columns, squeeze=False).flat)
    for axes, mi in zip(panels, values, strict=False):
        _lines(axes, [row for row in rows if row["mi"] == mi], "K", alpha)
        axes.axhline(mi, color="black", linestyle=":", label="true value")
        axes.set(title=f"true value {mi:g}", xlabel="negatives K")
        axes.set_xscale("log", base=2)
        ticks = sorted({row["K"] for row in rows})
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
    last = panels[len(values)]
    _lines(last, [row for row in rows if row["K"] == least], "mi", alpha)
    last.plot(values, values, color="black", linestyle=":", label="true value")
    last.set(title=f"K = {least}", xlabel="true mutual information (nats)")
    for axes in panels[: len(values) + 1]:
        axes.set_ylabel("estimate (nats)")
        axes.grid(alpha=0.3)
    for axes in panels[len(values) + 1 :]:
        axes.remove()
    handles, labels = last.get_legend_handles_labels()
    legend = dict(zip(labels, handles, strict=True))  # the paper's crosses once
    figure.legend(legend.values(), legend, loc="outside lower center", ncols=4, frameon=False)
    return figure


def _lines(axes: Axes, rows: list[Row], across: str, alpha: float) -> None:
    """Trained critics as dots, the paper as crosses, the perfect critic as a line, its limit dashed."""
    kinds = [("InfoNCE", None), *(("EqCo", a) for a in sorted({r["alpha"] for r in rows if r["objective"] == "EqCo"}))]
    for number, (objective, a) in enumerate(kinds):
        own = [row for row in rows if row["objective"] == objective and a in (None, row["alpha"])]
        color = f"C{number}"
        name = objective if a is None else f"{objective}, alpha {a:g}"
        x = [row[across] for row in own]
        axes.plot(x, [row["perfect_critic"] for row in own], color=color, label=f"{name}: perfect critic")
        axes.plot(x, [row["estimate"] for row in own], "o", color=color, label=f"{name}: trained")
        if any(row["paper"] is not None for row in own):
            axes.plot(x, [row["paper"] for row in own], "x", color="black", label="paper")
        if a == alpha:
            axes.plot(x, [row["limit"] for row in own], "--", color=color, label=f"{name}: limit, K infinite")
