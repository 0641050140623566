"""The formulas that cancel in float64, where they are right and where they are not."""

from fractions import Fraction

import numpy as np
import pytest

from contrastive_lab.theory.coupon.draws import (
    coverage_probability,
)
from contrastive_lab.theory.coupon.naive import clipped_sum, inclusion_exclusion
from tests.exact_coverage import surjections


@pytest.mark.parametrize("draws", [128, 256, 384, 512, 1024])
def test_the_authors_sum_is_off_by_what_their_numbers_are_off_by(draws: int) -> None:
    """They print 4.517e-4, 5.75e-4, 0.108454, 0.553133, 0.997065: 4.5e-4 too much each."""
    offset = clipped_sum(draws, 100)[-1] - coverage_probability(draws, 100)
    assert offset == pytest.approx(4.5e-4, abs=1e-4)


def test_the_naive_formulas_are_the_right_ones_where_nothing_cancels() -> None:
    exact = float(Fraction(surjections(32, 10), 10**32))
    assert clipped_sum(32, 10)[-1] == pytest.approx(exact, rel=1e-9)
    assert inclusion_exclusion(np.array([32]), 10)[0] == pytest.approx(exact, rel=1e-9)
