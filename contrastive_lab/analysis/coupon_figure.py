"""The figure of `theory=coupon`."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from contrastive_lab.theory.coupon.coverage import Floats
from contrastive_lab.theory.coupon.draws import coverage_probability, expected_draws, smallest_draws
from contrastive_lab.theory.coupon.naive import clipped_sum, inclusion_exclusion


def draw(label_sets: Mapping[str, Floats], classes: int) -> Figure:
    """Left, the probability of coverage of each label set; right, what float64 makes of it for `classes` labels.

    Args:
        label_sets: (C,) class probabilities by name.
        classes: C of the right panel.
    """
    figure = Figure(figsize=(11, 5.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    _coverage(left, label_sets)
    _cancellation(right, classes)
    for axes in (left, right):
        axes.set(xlabel="labels drawn, K + 1", ylabel="probability that all classes are drawn")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize="small", ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.13))
    return figure


def _coverage(axes: Axes, label_sets: Mapping[str, Floats]) -> None:
    for name, p in label_sets.items():
        mean, last = expected_draws(probs=p), smallest_draws(0.999, probs=p)
        draws = np.unique(np.geomspace(max(len(p) - 1, 1), last, 40).round().astype(int))
        (line,) = axes.plot(
            draws, [coverage_probability(int(n), probs=p) for n in draws], label=f"{name}, C = {len(p):,}"
        )
        axes.plot(mean, coverage_probability(round(mean), probs=p), "o", color=line.get_color())
    axes.plot([], [], "o", color="gray", label="E[K + 1]")
    axes.set(xscale="log", title="Coverage by independent labels")


def _cancellation(axes: Axes, classes: int) -> None:
    last = max(smallest_draws(0.5, classes), classes + 8)
    draws = np.arange(classes, last + 1)
    naive = abs(inclusion_exclusion(draws, classes))
    truth = [coverage_probability(int(n), classes) for n in draws]
    axes.plot(draws, naive, ".", ms=3, color="tab:red", label="inclusion-exclusion, |value|")
    axes.plot(draws, clipped_sum(last, classes), color="tab:orange", label="clipped sum, as in the authors' code")
    axes.plot(draws, truth, color="black", label="truth")
    axes.set(yscale="log", title=f"What cancellation in float64 makes of it, C = {classes}")
