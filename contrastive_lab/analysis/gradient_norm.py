"""Gradient norm against the number of negatives, with and without EqCo, on frozen random features (EqCo, Fig. 2).

A second figure shows two causes of what few negatives cost (docs/losses.md): the factor w and the noise of s.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from contrastive_lab.analysis.result import AnalysisResult, Row, checked
from contrastive_lab.config.theory import GradientNorm
from contrastive_lab.errors import ConfigError
from contrastive_lab.losses import mi_estimate
from contrastive_lab.randomness import generator
from contrastive_lab.theory.sphere.gradient import (
    Gradients,
    expected_bound,
    expected_limit,
    frozen_keys,
    frozen_pairs,
    gradients,
)

SPAN = (16, 1024)  # the K over which the summary says how flat the lines are


def run(**values: Any) -> AnalysisResult:
    """Measure the norm of dL/dq for every K, without EqCo (alpha = K) and with each alpha.

    Args:
        values: as `GradientNorm` describes them.

    Returns:
        A row for each objective and K: mean norm, its standard deviation over the draws (of one query, averaged over
        queries as a variance), the bound of Theorem 2, the exact value for infinitely many negatives (EqCo only), mean
        factor w, noise of the repulsion sum_k s_k key_k (root mean square, over draws and queries, of its distance to
        its mean over the draws; the same for all objectives), mean loss and the MI estimate in nats (None at inf).

    Raises:
        ConfigError: names a setting that is out of range.

    Source: Zhu et al. 2020 (EqCo), Eq. 7 and Fig. 2.
    """
    s = checked(GradientNorm, values)
    check_cosines(s.positive, s.shared)
    Ks, objectives = sorted(set(s.K)), [None, *sorted(set(s.alphas))]
    q, own = frozen_pairs(s.queries, s.D, s.positive, s.shared, generator(s.seed, "gradient_norm", "queries"))

    def one(draw: int) -> list[Gradients]:
        source = generator(s.seed, "gradient_norm", draw)
        return list(gradients(q, own, lambda n: frozen_keys(n, s.D, s.shared, source), Ks, objectives, s.tau))

    found = zip(*(one(draw) for draw in range(s.draws)), strict=True)
    at_K = [Gradients(*map(torch.stack, zip(*draws, strict=True))) for draws in found]  # draws come first in each
    features = (s.D, s.positive, s.shared, s.tau)
    rows = [
        _row(objective, K, a, each, features)
        for a, objective in enumerate(objectives)
        for K, each in zip(Ks, at_K, strict=True)
    ]
    return AnalysisResult(rows, _figure(rows), _summary(rows), {"factor_and_noise": plot_factor_and_noise(rows)})


def check_cosines(positive: float, shared: float) -> None:
    """Raise a ConfigError unless features can have these cosines, of a query with its key and of two keys."""
    if not (least := max(2 * shared - 1, -1)) <= positive <= 1:
        raise ConfigError(f"theory.positive={positive}: must be from 2 theory.shared - 1 = {least:g} to 1")


def _row(alpha: float | None, K: int, a: int, found: Gradients, features: tuple[int, float, float, float]) -> Row:
    """The row of one K and the objective `a`, from all draws."""
    weight, norms, loss = float(alpha or K), found.norms[:, a], float(found.losses[:, a].mean())
    return {
        "objective": "InfoNCE" if alpha is None else "EqCo",
        "K": K,
        "alpha": weight,
        "gradient_norm": float(norms.mean()),
        "sd": float(norms.var(dim=0).mean().sqrt()),
        "bound": expected_bound(*features, weight),
        "limit": None if alpha is None else expected_limit(*features, weight),
        "factor": float(found.factors[:, a].mean()),
        "noise": float(found.repulsion.var(dim=0).sum(dim=1).mean().sqrt()),
        "loss": loss,
        "mi_estimate": None if weight == math.inf else float(mi_estimate(loss, weight)),
    }


def _lines(rows: list[Row]) -> Iterator[tuple[str, list[Row]]]:
    """The rows of each objective, under its name."""
    yield "InfoNCE", [row for row in rows if row["objective"] == "InfoNCE"]
    for alpha in sorted({row["alpha"] for row in rows if row["objective"] == "EqCo"}):
        yield f"EqCo, alpha {alpha:g}", [row for row in rows if row["objective"] == "EqCo" and row["alpha"] == alpha]


def _summary(rows: list[Row]) -> Row:
    """How near the norms come to the bound, and how much each objective varies over K."""
    summary: Row = {"largest_share_of_the_bound": max(row["gradient_norm"] / row["bound"] for row in rows)}
    for name, own in _lines(rows):
        label = name.replace(", alpha ", "_")
        within = [row["gradient_norm"] for row in own if SPAN[0] <= row["K"] <= SPAN[1]]
        if within:
            summary[f"largest_over_smallest_norm_{label}_K_{SPAN[0]}_to_{SPAN[1]}"] = max(within) / min(within)
        summary |= {f"sd_{label}_K_{row['K']}": row["sd"] for row in (own[0], own[-1])}
    return summary


def _figure(rows: list[Row]) -> Figure:
    """Norms with their bounds, and the noise of the norm, against K."""
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for color, (name, own) in enumerate(_lines(rows)):
        _plot(left, right, f"C{color}", name, own)
    _against_K(left, right, Ks=sorted({row["K"] for row in rows}))
    left.set(title="norm of dL/dq: mean, band of one sd over draws", ylabel="gradient norm of a query")
    right.set(title="noise of few negatives", ylabel="sd of the norm over draws", yscale="log")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def _plot(left: Axes, right: Axes, color: str, name: str, rows: list[Row]) -> None:
    K, norms, sd, bound = ([row[key] for row in rows] for key in ("K", "gradient_norm", "sd", "bound"))
    left.plot(K, norms, "o-", color=color, label=name)
    left.plot(K, bound, "--", color=color, label=f"{name}: bound")
    low, high = ([norm + sign * one for norm, one in zip(norms, sd, strict=True)] for sign in (-1, 1))
    left.fill_between(K, low, high, color=color, alpha=0.2, linewidth=0)
    right.plot(K, sd, "o-", color=color)


def plot_factor_and_noise(rows: list[Row]) -> Figure:
    """Mean factor w, and noise of the repulsion with a line that falls like K^-1/2 to its last point, against K."""
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, own in _lines(rows):
        left.plot([row["K"] for row in own], [row["factor"] for row in own], "o-", label=name)
    if all(row["alpha"] < math.inf for row in rows):
        left.axhline(1, color="black", linestyle=":", label="alpha = inf (DCL)")
    Ks, noise = zip(*((row["K"], row["noise"]) for row in own), strict=True)
    right.plot(Ks, noise, "o-", color="C0", label="noise of s, any alpha")
    right.plot(Ks, [noise[-1] * (Ks[-1] / K) ** 0.5 for K in Ks], "--", color="gray", label="K^-1/2")
    _against_K(left, right, Ks=Ks)
    left.set(title="factor w of the gradient", ylabel="mean w", ylim=(0, 1.05))
    right.set(title="noise of sum_k s_k key_k", ylabel="distance to its mean (rms over draws)", yscale="log")
    for axes in (left, right):
        axes.legend(frameon=False)
    return figure


def _against_K(*panels: Axes, Ks: Sequence[int]) -> None:
    for axes in panels:
        axes.set_xscale("log", base=2)
        axes.set_xticks(Ks, [str(K) for K in Ks], rotation=45)
        axes.set(xlabel="negatives K")
        axes.grid(alpha=0.3)
