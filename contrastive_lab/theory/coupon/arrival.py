"""Labels that arrive at rate 1: the time S at which every class has arrived, by integrals over s > 0."""

import math

import numpy as np

from contrastive_lab.theory.coupon.coverage import Floats


def mean_time(p: Floats) -> float:
    """E[S], the integral of P(S > s) = 1 - prod_c (1 - e^{-p_c s}); the same as the mean number of labels.

    Args:
        p: (C,) class probabilities, > 0, sum 1; class c arrives at rate p_c.

    Source: Flajolet, Gardy & Thimonier 1992.
    """
    nodes, weights = _nodes(p, 1.0)
    return float(weights @ _missing(nodes, p))


def variance_of_time(p: Floats, mean: float) -> float:
    """Var[S], the integral of 2 (m - s) P(S < s) below the mean m and of 2 (s - m) P(S > s) above; derived here."""
    nodes, weights = _nodes(p, mean)
    missing = _missing(nodes, p)
    return float(2 * weights @ np.where(nodes < mean, (mean - nodes) * (1 - missing), (nodes - mean) * missing))


def _missing(s: Floats, p: Floats) -> Floats:
    """P(S > s): a class has not arrived by time s, where each arrives at its rate p_c."""
    values, repeats = np.unique(p, return_counts=True)
    with np.errstate(divide="ignore"):  # log 0 where e^{-p s} rounds to 1
        logs = sum(n * np.log1p(-np.exp(-rate * s)) for rate, n in zip(values, repeats, strict=True))
    missing: Floats = -np.expm1(logs)
    return missing


def _nodes(p: Floats, knot: float) -> tuple[Floats, Floats]:
    """Gauss-Legendre nodes and weights for an integral over s > 0, on panels that double; `knot` is an edge."""
    last = math.ceil(math.log2((math.log(len(p)) + 60) / p.min()))  # the rest is below e^-60
    edges = np.union1d([0.0, *np.exp2(np.arange(last + 1))], [knot])
    x, weights = np.polynomial.legendre.leggauss(64)
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half * (1 + x)).ravel(), (half * weights).ravel()
