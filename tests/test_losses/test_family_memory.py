"""DCLW, the memory, the factor and the weights against loops written from the papers in float64."""

import math
from statistics import fmean

import pytest
import torch
from torch import Tensor

from contrastive_lab.losses.family import (
    dcl,
    factor,
    remembered,
    updated_normaliser,
)
from tests.paper_losses import (
    TAU,
    cosines_of,
    coupling,
    dcl_row,
    dclw_weights,
    gradient_at_query,
    unit_vectors,
)

U = torch.linspace(1, 4, 8, dtype=torch.float64)


def test_dclw_is_the_formula_and_weighs_by_the_mean_over_all_processes() -> None:
    query, key, negatives = unit_vectors()
    pos, neg = cosines_of(query, key, negatives)
    sigma = 0.5
    weights = dclw_weights(pos.tolist(), sigma)
    expected = [
        dcl_row(p, row) + (1 - weight) * p / TAU
        for p, row, weight in zip(pos.tolist(), neg.tolist(), weights, strict=True)
    ]
    whole = dcl(pos, neg, TAU, sigma)
    assert whole.tolist() == pytest.approx(expected, rel=1e-12)
    halves = [dcl(pos[part], neg[part], TAU, sigma, all_pos=pos) for part in (slice(4), slice(4, None))]
    torch.testing.assert_close(torch.cat(halves), whole, rtol=1e-13, atol=0)
    gradient = gradient_at_query(lambda p, n: dcl(p, n, TAU, sigma), query, key, negatives)
    plain = gradient_at_query(lambda p, n: dcl(p, n, TAU), query, key, negatives)
    pull = (1 - torch.tensor(weights, dtype=torch.float64))[:, None] * key / TAU
    torch.testing.assert_close(gradient, plain + pull, rtol=1e-11, atol=1e-13)


def test_normaliser_is_the_running_mean_with_the_first_visit_whole() -> None:
    """Yuan et al. 2022, Algorithm 1: u <- (1 - gamma) u + gamma mean_k exp(n_k / tau), gamma = 1 - keep."""
    keep, u = 0.3, [None, None, 7.0]
    log_u = torch.tensor([math.nan, 0.0, math.log(7.0)], dtype=torch.float64)
    seen = torch.tensor([False, False, True])
    for step in range(4):
        _, neg = cosines_of(*unit_vectors(n=3, seed=step))
        means = [fmean(math.exp(x / TAU) for x in row) for row in neg.tolist()]
        u = [m if old is None else keep * old + (1 - keep) * m for old, m in zip(u, means, strict=True)]
        log_u = updated_normaliser(log_u, neg, TAU, keep, seen)
        seen = torch.ones(3, dtype=torch.bool)
        assert log_u.exp().tolist() == pytest.approx(u, rel=1e-12)


def test_a_memory_that_keeps_nothing_is_dcl() -> None:
    query, key, negatives = unit_vectors()

    def forgetful(pos: Tensor, neg: Tensor) -> Tensor:
        seen = torch.ones(len(pos), dtype=torch.bool)
        return remembered(pos, neg, TAU, updated_normaliser(torch.full_like(pos, 9.0), neg, TAU, 0.0, seen))

    pos, neg = cosines_of(query, key, negatives)
    torch.testing.assert_close(forgetful(pos, neg), dcl(pos, neg, TAU))
    torch.testing.assert_close(remembered(pos, neg, TAU, U), U - pos / TAU)
    expected = gradient_at_query(lambda p, n: dcl(p, n, TAU), query, key, negatives)
    torch.testing.assert_close(gradient_at_query(forgetful, query, key, negatives), expected)


def test_factor_at_a_large_alpha_is_nearly_one() -> None:
    """Orthogonal negatives: alpha e^r is 65,536 e^-3 and 65,536 e^-4.5 at tau = 0.2, so w is 0.9997 and 0.9986."""
    w = factor(torch.tensor([0.6, 0.9]), torch.zeros(2, 7), 0.2, 65536)
    assert w.tolist() == pytest.approx([0.9997, 0.9986], abs=5e-5)


def test_factor_is_one_minus_the_probability_of_the_positive() -> None:
    pos, neg = cosines_of(*unit_vectors())
    for alpha in (None, 3.0, 1000.0):
        expected = [coupling(p, row, TAU, alpha) for p, row in zip(pos.tolist(), neg.tolist(), strict=True)]
        assert factor(pos, neg, TAU, alpha).tolist() == pytest.approx(expected, rel=1e-9)
    assert factor(pos, neg, TAU, math.inf).tolist() == [1.0] * 8
