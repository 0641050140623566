"""Gradient norm against the number of negatives, with and without EqCo, on frozen random features (EqCo, Fig. 2)."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from contrastive_lab.analysis.result import AnalysisResult
from contrastive_lab.analysis.settings import Rule, check_settings
from contrastive_lab.losses import mi_estimate
from contrastive_lab.randomness import generator
from contrastive_lab.theory.sphere.gradient import expected_bound, expected_limit, frozen_keys, frozen_pairs, gradients

Row = dict[str, Any]
SPAN = (16, 1024)  # the K over which the summary says how flat the lines are


def run(
    K: Sequence[int],
    alphas: Sequence[float],
    tau: float,
    D: int,
    positive: float,
    shared: float,
    queries: int,
    draws: int,
    seed: int,
) -> AnalysisResult:
    """Measure the norm of dL/dq for every K, without EqCo (alpha = K) and with each alpha.

    Args:
        K: numbers of negatives.
        alphas: EqCo's alphas, none or several.
        tau: temperature, 0.01 or more.
        D: dimensions, 3 or more.
        positive: cosine of a query and its key.
        shared: expected cosine of two random keys.
        queries: that share the negatives of a draw.
        draws: of the negatives, 2 or more; a draw's first K serve each K.
        seed: of the features.

    Returns:
        A row for each objective and K: mean norm, its standard deviation over the draws (of one query, averaged over
        queries as a variance), the bound of Theorem 2, the exact value for infinitely many negatives (EqCo only), mean
        loss and the MI estimate in nats.

    Raises:
        ValueError: names a dial that is out of range.

    Source: Zhu et al. 2020 (EqCo), Eq. 7 and Fig. 2.
    """
    _check(K, alphas, tau, D, positive, shared, queries, draws)
    Ks, objectives = sorted(set(K)), [None, *sorted({float(alpha) for alpha in alphas})]
    q, own = frozen_pairs(queries, D, positive, shared, generator(seed, "gradient_norm", "queries"))

    def one(draw: int) -> Tensor:
        source = generator(seed, "gradient_norm", draw)
        found = gradients(q, own, lambda n: frozen_keys(n, D, shared, source), Ks, objectives, tau)
        return torch.stack([torch.stack(pair) for pair in found])

    norms, losses = torch.stack([one(draw) for draw in range(draws)]).unbind(dim=2)  # (draws, K, A, N) each
    features = (D, positive, shared, tau)
    rows = [
        _row(objective, k, norms[:, i, a], losses[:, i, a], features)
        for a, objective in enumerate(objectives)
        for i, k in enumerate(Ks)
    ]
    return AnalysisResult(rows, _figure(rows), _summary(rows))


def _check(
    K: Sequence[int],
    alphas: Sequence[float],
    tau: float,
    D: int,
    positive: float,
    shared: float,
    queries: int,
    draws: int,
) -> None:
    least = max(2 * shared - 1, -1)
    rules: list[Rule] = [
        ("K", K, bool(K) and min(K) >= 1, "whole numbers, 1 or more"),
        ("alphas", alphas, all(0 < alpha < float("inf") for alpha in alphas), "numbers above 0, or []"),
        ("tau", tau, 0.01 <= tau < float("inf"), "0.01 or more"),
        ("D", D, D >= 3, "3 or more"),
        ("shared", shared, 0 <= shared < 1, "from 0 to below 1"),
        ("positive", positive, least <= positive <= 1, f"from 2 theory.shared - 1 = {least:g} to 1"),
        ("queries", queries, queries >= 1, "1 or more"),
        ("draws", draws, draws >= 2, "2 or more"),
    ]
    check_settings(rules)


def _row(alpha: float | None, K: int, norms: Tensor, losses: Tensor, features: tuple[int, float, float, float]) -> Row:
    """One row of norms and losses (draws, N)."""
    weight, loss = float(alpha or K), float(losses.mean())
    return {
        "objective": "InfoNCE" if alpha is None else "EqCo",
        "K": K,
        "alpha": weight,
        "gradient_norm": float(norms.mean()),
        "sd": float(norms.var(dim=0).mean().sqrt()),
        "bound": expected_bound(*features, weight),
        "limit": None if alpha is None else expected_limit(*features, weight),
        "loss": loss,
        "mi_estimate": float(mi_estimate(loss, weight)),
    }


def _lines(rows: list[Row]) -> Iterator[tuple[str, list[Row]]]:
    """The rows of each objective, under its name."""
    yield "InfoNCE", [row for row in rows if row["objective"] == "InfoNCE"]
    for alpha in sorted({row["alpha"] for row in rows if row["objective"] == "EqCo"}):
        yield f"EqCo, alpha {alpha:g}", [row for row in rows if row["objective"] == "EqCo" and row["alpha"] == alpha]


def _summary(rows: list[Row]) -> dict[str, Any]:
    """How near the norms come to the bound, and how much each objective varies over K."""
    summary: dict[str, Any] = {"largest_share_of_the_bound": max(row["gradient_norm"] / row["bound"] for row in rows)}
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
        _draw(left, right, f"C{color}", name, own)
    Ks = sorted({row["K"] for row in rows})
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.set_xticks(Ks, [str(K) for K in Ks], rotation=45)
        axes.set(xlabel="negatives K")
        axes.grid(alpha=0.3)
    left.set(title="norm of dL/dq: mean, band of one sd over draws", ylabel="gradient norm of a query")
    right.set(title="noise of few negatives", ylabel="sd of the norm over draws", yscale="log")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def _draw(left: Axes, right: Axes, color: str, name: str, rows: list[Row]) -> None:
    K, norms, sd, bound = ([row[key] for row in rows] for key in ("K", "gradient_norm", "sd", "bound"))
    left.plot(K, norms, "o-", color=color, label=name)
    left.plot(K, bound, "--", color=color, label=f"{name}: bound")
    low, high = ([norm + sign * one for norm, one in zip(norms, sd, strict=True)] for sign in (-1, 1))
    left.fill_between(K, low, high, color=color, alpha=0.2, linewidth=0)
    right.plot(K, sd, "o-", color=color)
