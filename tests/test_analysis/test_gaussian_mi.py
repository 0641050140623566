"""The program `theory=gaussian_mi` and EqCo's Table 5."""

import math
from itertools import pairwise
from typing import Any

import pytest

from contrastive_lab.analysis.result import AnalysisResult
from contrastive_lab.errors import ConfigError
from tests.gaussian_correlations import MI
from tests.theory_programs import with_settings

experiment = with_settings("gaussian_mi")
# Zhu et al. 2020 (EqCo), Table 5, K = 64, 128, 256, 512.
TABLE_5 = {
    2: ((1.7, 1.8, 1.9, 1.9), (1.9, 1.9, 1.9, 1.9)),
    4: ((2.9, 3.2, 3.4, 3.6), (3.8, 3.7, 3.6, 3.6)),
    6: ((3.6, 4.1, 4.5, 4.9), (5.1, 5.0, 4.9, 4.9)),
    8: ((3.9, 4.6, 5.1, 5.6), (5.8, 5.7, 5.7, 5.6)),
    10: ((4.1, 4.7, 5.4, 6.0), (6.1, 6.0, 6.0, 6.0)),
}


@pytest.fixture(scope="module")
def short() -> AnalysisResult:
    """500 steps at K = 64: seconds."""
    return experiment(K=[64], steps=500, batches=100)


def cells(result: AnalysisResult, mi: float, alpha: float | None) -> list[float]:
    """Estimates of one line of Table 5, K rising; InfoNCE for None."""
    rows = [row for row in result.table if row["mi"] == mi]
    if alpha is None:
        return [row["estimate"] for row in rows if row["objective"] == "InfoNCE"]
    return [row["estimate"] for row in rows if row["objective"] == "EqCo" and row["alpha"] == alpha]


@pytest.mark.long
@pytest.mark.parametrize("mi", MI)
def test_500_steps_at_64_negatives_give_the_paper_s_column(short: AnalysisResult, mi: int) -> None:
    info_nce, eqco = cells(short, mi, None), cells(short, mi, 512)
    assert info_nce == pytest.approx([TABLE_5[mi][0][0]], abs=0.2)
    assert eqco == pytest.approx([TABLE_5[mi][1][0]], abs=0.2)
    assert info_nce[0] < math.log(65)
    assert info_nce[0] < eqco[0] < math.log(513)


@pytest.mark.long
def test_an_alpha_far_above_k_gives_no_lower_bound(short: AnalysisResult) -> None:
    """Trained to the end it is 2.08 > 2, 4.61 > 4 and 6.53 > 6 at alpha = 4096."""
    above = {row["mi"]: row for row in short.table if row["alpha"] == 4096}
    for mi in (4, 6):
        assert above[mi]["estimate"] - 3 * above[mi]["standard_error"] > mi
        assert above[mi]["perfect_critic"] - 3 * above[mi]["perfect_standard_error"] > mi
        assert above[mi]["limit"] < mi
    assert "> 4 (K = 64, alpha = 4096)" in short.summary["no_lower_bound_when_K_is_far_below_alpha"]


@pytest.mark.long
def test_the_table_stands_beside_the_paper_s(short: AnalysisResult) -> None:
    printed = {(row["mi"], row["objective"]): row["paper"] for row in short.table if row["alpha"] != 4096}
    assert printed == {
        (mi, name): rows[i][0] for mi, rows in TABLE_5.items() for i, name in enumerate(("InfoNCE", "EqCo"))
    }
    assert short.summary["cells_of_the_paper"] == 10
    assert short.summary["largest_difference_from_the_paper"] < 0.2
    assert [row["paper"] for row in short.table if row["alpha"] == 4096] == [None] * 5


def test_one_critic_serves_both_objectives_where_k_is_alpha() -> None:
    result = experiment(mi=[1.0, 2.0], K=[16, 8], alpha=16.0, above=[], d=3, steps=3, batches=3, hidden=4)
    for mi in (1, 2):
        assert cells(result, mi, None)[1] == cells(result, mi, 16)[1]
        assert cells(result, mi, None)[0] != cells(result, mi, 16)[0]
    assert [(row["objective"], row["K"]) for row in result.table[:4]] == [
        ("InfoNCE", 8),
        ("InfoNCE", 16),
        ("EqCo", 8),
        ("EqCo", 16),
    ]
    assert result.summary["cells_of_the_paper"] == 0
    titles = [axes.get_title() for axes in result.figure.axes]
    assert titles == ["true value 1", "true value 2", "K = 8"]
    assert all(axes.get_xlabel() and "nats" in axes.get_ylabel() for axes in result.figure.axes)


def test_a_seed_gives_the_same_table() -> None:
    settings = {"mi": [1.0], "K": [4], "above": [], "d": 3, "steps": 3, "batches": 3, "hidden": 4}
    assert experiment(**settings).table == experiment(**settings).table
    assert experiment(**settings).table != experiment(**settings, seed=1).table


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mi": []}, r"theory.mi=\[\]: must be a list of numbers, e.g. \[2.0,4.0\]"),
        ({"mi": [50.0]}, r"theory.mi=\[50.0\]: must be numbers above 0 and below 2 d = 40"),
        ({"d": 0}, "theory.d=0: must be 1 or more"),
        ({"K": [0]}, r"theory.K=\[0\]: must be 1 or more each"),
        ({"alpha": 0.0}, "theory.alpha=0.0: must be more than 0"),
        ({"above": [512.0]}, r"theory.above=\[512.0\]: must be numbers larger than theory.alpha"),
        ({"steps": 0}, "theory.steps=0: must be 1 or more"),
        ({"lr": -1.0}, "theory.lr=-1.0: must be more than 0"),
        ({"batches": 1}, "theory.batches=1: must be 2 or more"),
    ],
)
def test_a_bad_setting_is_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        experiment(**settings)


@pytest.mark.long
def test_the_whole_of_table_5_is_the_paper_s_within_0_2() -> None:
    result = experiment(above=[])
    assert result.summary["cells_of_the_paper"] == 40
    for mi, (info_nce, eqco) in TABLE_5.items():
        assert cells(result, mi, None) == pytest.approx(info_nce, abs=0.2)
        assert cells(result, mi, 512) == pytest.approx(eqco, abs=0.2)
        assert cells(result, mi, None) == sorted(cells(result, mi, None))
        assert all(
            value < math.log(K + 1) for K, value in zip((64, 128, 256, 512), cells(result, mi, None), strict=True)
        )
        assert all(value < math.log(513) for value in cells(result, mi, 512))
        flat = cells(result, mi, 512)
        assert flat[0] - flat[-1] < 0.35  # 0.2 in the paper, 0.26 to 0.31 measured elsewhere, at MI 4 and 6
        assert all(later < earlier + 0.03 for earlier, later in pairwise(flat))
