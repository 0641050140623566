"""Settings of made-up sweeps compared seed by seed."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from contrastive_lab.record.right import write_right
from contrastive_lab.record.sweep import order
from contrastive_lab.report.grid import Grid
from contrastive_lab.report.inference import Estimate, over_seeds_and_images
from contrastive_lab.report.paired import (
    Difference,
    Trend,
    against_reference,
    base_of,
    differences,
    each_against_each,
    reference_of,
    trend,
)
from contrastive_lab.report.verdict import verdict
from tests.sweep_folder import grid_of, seeds, write_sweep

AT = {1: [44.0, 43.0, 45.0], 16: [48.1, 47.2, 49.0], 255: [48.2, 47.0, 49.1]}


def jobs(at: dict[int, list[float]], **settings: object) -> list:
    return [job for K, values in at.items() for job in seeds(values, K=K, **settings)]


def levels_of(grid: Grid) -> dict[Any, Difference]:
    """Each x of the only line less the reference, by its value."""
    (line,) = grid.lines
    positions = dict(zip(line["at"], line["position"], strict=True))
    return {positions[d.at]: d for d in against_reference(grid, line, "linear_top1")}


def test_a_trend_has_a_slope_for_each_seed_that_has_all_k(tmp_path: Path) -> None:
    grid = grid_of(write_sweep(tmp_path / "s", [*jobs(AT), *[({"K": 1, "seed": 7}, {"linear_top1": 10.0})]]))
    found = trend(grid, grid.lines[0], "linear_top1")
    assert found is not None
    assert found.table.shape == (4, 3) and len(found.slopes) == 3  # seed 7 has one K
    assert list(found.table) == [1.0, 16.0, 255.0]
    x = [0.0, 4.0, 7.994353]  # log2
    for seed, slope in enumerate(found.slopes):
        assert slope == pytest.approx(stats.linregress(x, [AT[K][seed] for K in AT]).slope)
    assert found.ends.tolist() == pytest.approx([AT[255][seed] - AT[1][seed] for seed in range(3)])


def test_x_that_two_seeds_do_not_share_are_left_out_of_a_trend(tmp_path: Path) -> None:
    """One run at the largest K, or two of other seeds, do not take the slope of the others away."""
    for name, more in (
        ("a", seeds([48.0], K=255)),
        ("b", [({"K": 255, "seed": s}, {"linear_top1": 48}) for s in (7, 8)]),
    ):
        several = [*jobs({K: AT[K] for K in (1, 16)}), *more]
        grid = grid_of(write_sweep(tmp_path / name, several))
        found = trend(grid, grid.lines[0], "linear_top1")
        assert found is not None
        assert (found.x, len(found.slopes)) == ([1.0, 16.0], 3)
        assert list(levels_of(grid)) == [1]  # less 16
        assert "K = 255 is left out: fewer than two seeds have it and the others." in " ".join(verdict(grid))


def test_words_and_a_single_k_have_no_trend(tmp_path: Path) -> None:
    for name, several in (("a", [*seeds([80, 81], K=4)]), ("b", [*seeds([80], tau=0.1), *seeds([81], tau=0.2)])):
        grid = grid_of(write_sweep(tmp_path / name, several), x="K")
        assert trend(grid, grid.lines[0], "linear_top1") is None


def test_the_smallest_k_that_is_equivalent_is_found_from_the_largest_down(tmp_path: Path) -> None:
    grid = grid_of(write_sweep(tmp_path / "s", jobs(AT)))
    found = trend(grid, grid.lines[0], "linear_top1")
    assert found is not None
    assert found.enough(0.5) == 16  # -0.1, 0.2, -0.1
    assert found.enough(0.1) is None
    assert found.enough(50.0) == 1
    hole = {1: [48.2, 47.0, 49.1], 4: [40.0, 41.0, 42.0], **{K: AT[K] for K in (16, 255)}}
    other = grid_of(write_sweep(tmp_path / "t", jobs(hole)))
    found = trend(other, other.lines[0], "linear_top1")
    assert found is not None
    assert found.enough(0.5) == 16  # K = 1 is equivalent, but 4 between them is not


def test_seeds_that_lack_a_k_count_where_they_have_both(tmp_path: Path) -> None:
    more = {1: AT[1], 16: [*AT[16], 48.0, 48.1, 47.9], 255: [*AT[255], 48.0, 48.0, 48.1]}
    grid = grid_of(write_sweep(tmp_path / "s", jobs(more)))
    found, levels = trend(grid, grid.lines[0], "linear_top1"), levels_of(grid)
    assert found is not None
    assert (len(found.slopes), levels[16].estimate.n, levels[1].estimate.n) == (3, 6, 3)
    assert found.flat(50.0) and not found.flat(0.5)


def line_of(at: dict[float, np.ndarray]) -> Trend:
    return Trend(pd.DataFrame(at))


def test_flat_is_every_pair_and_not_the_slope_alone() -> None:
    steps = np.array([0.0, 0.05, -0.05])
    assert line_of({1.0: 48 + steps, 16.0: 48.1 - steps, 256.0: 48 + steps}).flat(0.5)
    crooked = line_of({1.0: 44 + steps, 16.0: 48 - steps, 256.0: 44 + steps})
    assert abs(crooked.slopes.mean()) < 0.05 and not crooked.flat(0.5)
    assert crooked.widest.mean == pytest.approx(4, abs=0.01) or crooked.widest.mean == pytest.approx(-4, abs=0.01)


def test_each_x_is_compared_with_the_largest_and_words_with_the_first_that_was_asked_for(tmp_path: Path) -> None:
    grid = grid_of(write_sweep(tmp_path / "s", jobs({0: [40.0, 41.0, 42.5], **AT})))
    (line,) = grid.lines
    assert reference_of(grid, line, "linear_top1") == order(255)
    assert {K: d.estimate.mean for K, d in levels_of(grid).items()} == pytest.approx(
        {0: np.mean([-8.2, -6.0, -6.6]), 1: np.mean([-4.2, -4.0, -4.1]), 16: 0.0}
    )
    words = [
        job for name in ("spectral", "hard", "debiased") for job in seeds(AT[1 if name == "hard" else 16], loss=name)
    ]
    grid = grid_of(write_sweep(tmp_path / "t", [*words, ({"loss": "dcl"}, None)]))
    assert reference_of(grid, grid.lines[0], "linear_top1") == order("spectral")
    found = levels_of(grid)
    assert {name: d.estimate.mean for name, d in found.items()} == pytest.approx(
        {"hard": np.mean([-4.1, -4.2, -4]), "debiased": 0}
    )
    assert found["hard"].p == pytest.approx(2 * stats.ttest_1samp([-4.1, -4.2, -4], 0).pvalue)
    assert found["debiased"].p == 1.0
    assert found["debiased"].equal == pytest.approx(2 * stats.t.cdf(-0.5 * 3**0.5 / (0.1 / 12**0.5), 2))  # steps of 0.1
    single = grid_of(write_sweep(tmp_path / "u", seeds([80, 81], K=4)))
    assert against_reference(single, single.lines[0], "linear_top1") == []
    assert reference_of(single, single.lines[0], "linear_top1") == order(4)
    assert reference_of(single, single.lines[0], "knn_top1") is None


def test_all_are_compared_over_the_test_images_of_all_seeds(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s", jobs(AT))
    rng = np.random.default_rng(0)
    assert [d.images for d in levels_of(grid_of(folder)).values()] == [None, None]  # nothing was stored
    bits = {K: rng.random((3, 40)) < 0.5 for K in AT}
    for K, rows in bits.items():
        for seed, row in enumerate(rows):
            write_right(folder / f"K={K},seed={seed}", "linear", row)
    for K, d in levels_of(grid_of(folder)).items():
        assert d.images == over_seeds_and_images(bits[K], bits[255])
    write_right(folder / "K=1,seed=1", "linear", [True] * 41)  # of another test set
    found = levels_of(grid_of(folder))
    assert found[1].images is None and found[16].images is not None


def test_each_x_is_compared_with_each_beside_the_reference(tmp_path: Path) -> None:
    grid = grid_of(write_sweep(tmp_path / "s", jobs({4: [46.0, 45.5, 47.0], **AT})))
    found = each_against_each(grid, grid.lines[0], "linear_top1")
    assert [(d.at, d.less) for d in found] == [(order(a), order(b)) for a, b in ((1, 4), (1, 16), (4, 16))]
    p = stats.ttest_rel([46.0, 45.5, 47.0], AT[16]).pvalue
    assert (found[2].estimate.mean, found[2].tests) == (pytest.approx((-2.1 - 1.7 - 2.0) / 3), 3)
    assert found[2].p >= p


def test_a_line_is_compared_with_the_first_of_the_same_rest(tmp_path: Path) -> None:
    told = [{"K": K, "alpha": a, "tau": tau} for a in (None, 8, 16) for tau in (0.1, 0.2) for K in (4, 64)]
    grid = grid_of(write_sweep(tmp_path / "s", [job for each in told for job in seeds([80.0, 81.0], **each)]))
    bases = [None if (base := base_of(grid, line)) is None else grid.name(base) for line in grid.lines]
    assert bases == [None, None, *["alpha = K, tau = 0.1", "alpha = K, tau = 0.2"] * 2]


@pytest.mark.parametrize(
    ("p", "equal", "clear", "told"),
    [
        (0.01, 0.5, True, "differs"),
        (0.01, 0.01, True, "differs, though the same"),
        (0.1, 0.01, False, "the same"),
        (0.1, 0.5, False, "cannot be told"),
        (0.1, 0.5, True, "differs at 5 % alone, not after Holm's correction"),
    ],
)
def test_what_is_told_of_a_difference(p: float, equal: float, clear: bool, told: str) -> None:
    estimate = Estimate(1.0, 0.1 if clear else -0.1, 2.0, 3, 0.5)
    assert Difference("a", "b", estimate, None, p, equal, 2).told == told


def test_differences_are_of_the_same_seeds_with_holms_correction(tmp_path: Path) -> None:
    ours = {1: [45.0, 44.5, 46.0], 16: [48.0, 47.0, 49.0], 255: [48.0, 47.5]}
    grid = grid_of(write_sweep(tmp_path / "s", [*jobs(AT, alpha=None), *jobs(ours, alpha=256)]))
    base, line = grid.lines
    found = differences(grid, line, base, "linear_top1")
    assert [d.estimate.n for d in found] == [3, 3, 2]
    assert found[0].estimate.mean == pytest.approx((1.0 + 1.5 + 1.0) / 3)
    p = [stats.ttest_rel(ours[K], AT[K][: len(ours[K])]).pvalue for K in AT]
    order = sorted(range(3), key=p.__getitem__)
    steps = [min(1, max(p[i] * (3 - rank) for rank, i in enumerate(order[: place + 1]))) for place in range(3)]
    assert [found[i].p for i in order] == pytest.approx(steps)
