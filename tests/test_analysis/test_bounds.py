"""The program `theory=bounds` in closed form."""

import numpy as np
import pytest

from contrastive_lab.analysis.bounds import default_grid
from contrastive_lab.errors import ConfigError
from tests.test_theory.test_bounds.test_collapsed import COLLAPSED_ETF
from tests.theory_programs import with_settings

run = with_settings("bounds", classes=[5])
INF = float("inf")


def test_experiment_tabulates_the_closed_form() -> None:
    result = run(classes=[5, 10], draws=[5, 16])
    rows = {(row["classes"], row["draws"]): row for row in result.table}
    for C, N in ((5, 5), (5, 16), (10, 16)):
        names = ("L_info", "L_sup", "collision", "coupon_lower", "arora_lower")
        found = (*(rows[C, N][name] for name in (*names, "coupon_exact", "arora_exact", "arora_repo")),)
        assert found == pytest.approx(COLLAPSED_ETF[C, N], rel=3e-4)
    assert rows[10, 5]["coupon_exact"] == INF
    assert (result.summary["at_draws_C5"], result.summary["at_draws_C10"]) == (16, 16)
    assert [axes.get_title() for axes in result.figure.axes] == ["C = 5", "C = 10"]


def test_the_closed_form_has_bounds_that_are_finite_at_one_negative() -> None:
    """C = 10, tau = 0.5: Bao et al. and Ash et al. on class-collapsed features, computed apart from this."""
    result = run(classes=[10], draws=[2, 16], tau=0.5)
    found = [[row[name] for name in ("bao_upper", "bao_lower", "ash")] for row in result.table]
    assert found[0] == pytest.approx([5.1145, -1.572, 10.48], rel=4e-4)
    assert found[1] == pytest.approx([3.588, -1.841, 17.89], rel=4e-4)
    (axes,) = result.further["small_k"].axes
    assert "chance, ln C" in axes.get_legend_handles_labels()[1]
    assert "chance, ln C" in result.figure.axes[0].get_legend_handles_labels()[1]


def test_every_row_names_the_least_upper_bound() -> None:
    """Class-collapsed, C = 10, tau = 0.2 (docs/bounds.md): Ash up to K = 15, Arora from 16, coupon from 37."""
    rows = run(classes=[10], draws=[2, 16, 17, 37, 38], tau=0.2).table
    assert [row["least_upper"] for row in rows] == ["ash", "ash", "arora_exact", "arora_exact", "coupon_exact"]
    assert all(row[row["least_upper"]] >= row["L_sup"] for row in rows)


def test_the_optimum_is_the_simplex_for_equal_classes_and_better_with_more_negatives_for_a_skewed_prior() -> None:
    """Of docs/bounds.md: 10 classes, tau = 0.5, K from 1 to 256."""
    left, _ = run(draws=2).further["optimum"].axes
    uniform, skewed, steep, _ = (np.asarray(line.get_ydata()) for line in left.lines)
    assert uniform == pytest.approx([0.6807] * 5, abs=1e-4)
    assert (skewed[0], skewed[-1], steep[0], steep[-1]) == pytest.approx((0.6679, 0.6601, 0.5806, 0.5692), abs=1e-4)


def test_default_grid_holds_the_papers_values_and_the_optimum() -> None:
    assert {128, 256, 384, 512, 640, 768, 896, 1024} <= set(default_grid(100))
    result = run(classes=[100])
    assert result.summary["at_draws_C100"] in (640, 768, 896)  # in the table above the least is at 768
    assert result.summary["lowest_coupon_C100"] <= 7.49595 + 1e-5
    assert min(default_grid(2)) == 2
    assert default_grid(10)[0] == 2
    assert default_grid(10)[-1] == 160


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"classes": [10, 1]}, r"theory.classes=\[10,1\]: must be 2 or more each"),
        ({"classes": []}, r"theory.classes=\[\]: must be a list of whole numbers, e.g. \[10,100\]"),
        ({"draws": 1}, "theory.draws=1: must be 2 or more"),
        ({"draws": []}, r"theory.draws=\[\]: must be a whole number or a list of whole numbers"),
        ({"draws": "many"}, "theory.draws=many: must be"),
        ({"draws": [8, 2.5]}, "theory.draws"),
        ({"draws": True}, "theory.draws"),
        ({"tau": 0.0}, "theory.tau=0.0: must be more than 0"),
        ({"tau": "warm"}, "theory.tau=warm"),
        ({"views": 3}, "theory.views=3: must be an even number"),
        ({"passes": 0}, "theory.passes=0"),
        ({"run": "nowhere"}, "theory.run=nowhere: not the folder of a run"),
        ({"sweep": "nowhere"}, "theory.sweep=nowhere: no folder of a run"),
        ({"run": "a", "sweep": "b"}, "theory.run and theory.sweep: give one of the two"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises((ConfigError, ValueError), match=f"^{message}"):
        run(**settings)
