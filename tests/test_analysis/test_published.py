"""The authors' numbers, and the bound that is computed from them."""

import pytest

from contrastive_lab.analysis.published import TABLES, published


@pytest.mark.parametrize("dataset", TABLES)
def test_a_row_for_each_number_of_draws(dataset: str) -> None:
    rows = published(dataset)
    assert [row["draws"] for row in rows] == TABLES[dataset]["draws"] == sorted(TABLES[dataset]["draws"])
    for row in rows:
        assert (row["repo_half_sub"] is None) == (row.get("upsilon") is None)


def test_the_bound_is_solved_from_the_printed_terms() -> None:
    first, *_, last = published("cifar10")
    assert first["repo_half_sub"] == pytest.approx((2 * 2.02 - 0.26 - 1.32 + 2 * 1.16) / 0.69)
    assert last["repo_half_sub"] == pytest.approx(2 * 4.64 - 3.94 + 2 * 1.19)


def test_a_data_set_that_the_authors_do_not_have_is_empty() -> None:
    assert published("imagenet") == []
