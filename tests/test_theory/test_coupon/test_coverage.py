"""The two integrals of coverage against sums over the circle, and its ends."""

import math

import numpy as np
import pytest

from contrastive_lab.theory.coupon.draws import (
    coverage_probability,
    distinct_law,
)


def test_the_integral_is_the_occupancy_chain() -> None:
    for n in (1500, 4096, 7486):  # from 1e-90 to one half
        assert coverage_probability(n, 1000) == pytest.approx(distinct_law(n, 1000)[-1], rel=1e-10)


def test_coverage_of_a_thousand_different_classes_is_the_coefficient_of_the_generating_function() -> None:
    """n! [z^n] of prod_c (e^(p_c z) - 1), by a Fourier sum over the circle of radius n, its upper half twice."""
    probs = np.random.default_rng(0).dirichlet(np.full(1000, 20.0))
    for n in (5_000, 10_000, 15_000):
        z = n * np.exp(1j * np.pi * np.arange(n + 1) / n)
        logs = sum(np.log1p(-np.exp(-p * z)) for p in probs) + z  # of the product, as the p_c sum to 1
        terms = np.exp(logs - n - 1j * n * np.angle(z)).real
        total = (2 * terms.sum() - terms[0] - terms[-1]) / (2 * n)
        exact = math.exp(math.log(total) + n + math.lgamma(n + 1) - n * math.log(n))
        assert coverage_probability(n, probs=probs) == pytest.approx(exact, rel=1e-9)
    assert 0.01 < exact < 0.999


def test_coverage_holds_for_a_very_rare_class() -> None:
    rare = 1e-12
    for n in (3, 1000, 10**5):
        exact = -math.expm1(n * math.log1p(-rare)) - rare**n
        assert coverage_probability(n, probs=(1 - rare, rare)) == pytest.approx(exact, rel=1e-9)
