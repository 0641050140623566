"""The columns are the bounds; the envelope is their minimum."""

import math

from contrastive_lab.theory.bounds import bao
from contrastive_lab.theory.bounds.ash import ash_upper
from contrastive_lab.theory.bounds.collapsed import collapsed_terms
from contrastive_lab.theory.bounds.envelope import all_columns, envelope, small_k_columns
from contrastive_lab.theory.bounds.terms import columns


def test_columns_are_the_bounds() -> None:
    terms = collapsed_terms(5, 3, 0.5)._replace(d=-0.25)
    row = small_k_columns(terms, 4, 0.5, probs=[0.5, 0.3, 0.2])
    asked = (4, 0.5, None, [0.5, 0.3, 0.2])
    assert row["bao_upper"] == bao.bao_upper(terms, *asked) == terms.L_info + bao.upper_gap(*asked) + 0.25
    assert row["bao_lower"] == bao.bao_lower(terms, *asked) == terms.L_info + bao.lower_gap(*asked)
    assert row["bao_sharp_upper"] == terms.L_info + bao.sharp_upper_gap(*asked) + 0.25
    assert row["bao_sharp_lower"] == terms.L_info + bao.sharp_lower_gap(*asked)
    assert row["ash"] == ash_upper(terms, 4, None, [0.5, 0.3, 0.2])


def test_every_upper_bound_is_above_the_loss_and_every_lower_one_below() -> None:
    for C in (2, 10, 100):
        for K in (1, 2, 9, 40, 1000):
            for tau in (0.1, 0.5, 2):
                terms = collapsed_terms(K + 1, C, tau)
                row = columns(terms) | small_k_columns(terms, K, tau, C)
                assert row["bao_lower"] <= row["bao_sharp_lower"] <= terms.L_sup <= envelope(row)[1] * (1 + 1e-6)


def test_a_row_names_its_least_upper_bound() -> None:
    terms = collapsed_terms(17, 10, 0.2)
    row = all_columns(terms, 16, 0.2, 10)
    least = {"ash": row["ash"], "arora_exact": row["arora_exact"], "coupon_exact": row["coupon_exact"]}
    assert row.pop("least_upper") == min(least, key=lambda name: least[name])
    assert row == columns(terms) | small_k_columns(terms, 16, 0.2, 10)


def test_envelope_is_the_least_that_is_known() -> None:
    row = {"bao_upper": 3.0, "ash": 2.0, "coupon_exact": math.inf, "arora_exact": math.nan, "arora_repo": 0.1}
    assert envelope(row) == ("ash", 2.0)
    assert envelope(row | {"bao_sharp_upper": 1.5}) == ("bao_sharp_upper", 1.5)
