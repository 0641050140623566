"""The bounds against the numbers that the authors published."""

import pytest

from contrastive_lab.theory import bounds
from contrastive_lab.theory.bounds.collapsed import collapsed_terms
from contrastive_lab.theory.bounds.terms import Terms

INF = float("inf")
# Nozawa & Sato 2021, tables as their public notebooks print them, means over three seeds: K + 1, L_info, d, collision,
# Arora's bound and its two parts, the coupon bound and its two parts (those two halved).
REPO = [
    (32, 2.02, -1.16, 1.32, 0.23, 0.05, 0.01, 0.39, 0.63, 0.26),
    (64, 2.64, -1.17, 1.93, 0.76, 0, 0, 0.70, 0.90, 0.01),
    (512, 4.64, -1.19, 3.94, 2.75, 0, 0, 1.69, 0.90, 0),
    (128, 3.32, -0.99, 0.69, 0.72, 0, 1.02, 1.18, 0, 1.82),
    (384, 4.38, -0.97, 1.48, 0.58, 0.01, 0.07, 1.72, 0.30, 1.66),
    (512, 4.66, -0.97, 1.73, 0.79, 0.01, 0.01, 1.86, 1.21, 0.75),
    (1024, 5.34, -0.95, 2.37, 1.43, 0, 0, 2.19, 1.95, 0),
]


@pytest.mark.parametrize("row", REPO)
def test_lower_bounds_are_those_the_authors_add_up(row: tuple[float, ...]) -> None:
    _, L_info, d, collision, arora, clean_sup, clean_sub, coupon, sup_half, sub_half = row
    terms = Terms(L_info, 0, 2 * sup_half, 2 * sub_half, clean_sup, clean_sub, collision, d, 1, 1, 1)
    assert bounds.arora_lower(terms) == pytest.approx(arora, abs=0.02)  # sums of four rounded numbers
    assert bounds.coupon_lower(terms) == pytest.approx(coupon, abs=0.02)


def test_bars_of_the_authors_figure() -> None:
    # CIFAR-100: their figure's bars at K + 1 = 128 (Arora) and 512, 1024 (theirs), computed from the rows above.
    at_128 = Terms(3.32, 0, 0, 3.64, 0, 1.02, 0.69, -0.99, 0, 1 - 0.720958, 0)
    assert bounds.arora_repo(at_128) == pytest.approx((3.32 - 1.02 - 0.69 + 0.99) / 0.279042)
    at_512 = Terms(4.66, 0, 2.42, 1.5, 0, 0, 1.73, -0.97, 0.62, 0, 0)
    assert bounds.repo_half_sub(at_512) == pytest.approx(14, abs=0.5)
    at_1024 = Terms(5.34, 0, 3.9, 0, 0, 0, 2.37, -0.95, 1, 0, 0)
    assert bounds.repo_half_sub(at_1024) == pytest.approx(10.2, abs=0.05)


def test_upper_bounds_are_the_lower_ones_solved_for_the_supervised_loss() -> None:
    terms = Terms(3.0, 1.1, 0.7, 0.4, 0.2, 0.3, 1.3, -0.5, 0.6, 0.3, 0.15)
    at_bound = terms._replace(sup=0.6 * bounds.coupon_exact(terms), clean_sup=0.15 * bounds.arora_exact(terms))
    assert bounds.coupon_lower(at_bound) == pytest.approx(terms.L_info)
    assert bounds.arora_lower(at_bound) == pytest.approx(terms.L_info)
    assert bounds.repo_half_sub(terms) - bounds.coupon_exact(terms) == pytest.approx(0.4 / 2 / 0.6)
    without_sub = terms._replace(sub=0.0)
    assert bounds.repo_half_sub(without_sub) == bounds.coupon_exact(without_sub)


def test_a_bound_over_an_impossible_event_is_infinite() -> None:
    terms = collapsed_terms(draws=4, classes=5)
    assert (bounds.coupon_exact(terms), bounds.arora_exact(terms)) == (INF, INF)
    assert bounds.arora_repo(terms) < INF
