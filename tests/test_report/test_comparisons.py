"""The table of comparisons of made-up sweeps."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from contrastive_lab.record.right import write_right
from contrastive_lab.report.comparisons import comparisons
from contrastive_lab.report.inference import over_seeds_and_images
from tests.sweep_folder import grid_of, seeds, write_sweep
from tests.test_report.power import power_of_difference, power_of_equality

BASE = {1: [44.0, 45.9, 45.0], 16: [48.1, 47.2, 49.0], 255: [48.2, 47.0, 49.1]}
OTHER = {1: [48.0, 46.0, 48.5], 16: [48.1, 47.2, 49.0], 255: [48.3, 47.9, 49.2]}


def test_every_comparison_has_a_row_and_what_cannot_be_told_its_seeds(tmp_path: Path) -> None:
    jobs = [job for alpha, at in ((None, BASE), (256, OTHER)) for K in at for job in seeds(at[K], K=K, alpha=alpha)]
    table = comparisons(grid_of(write_sweep(tmp_path / "s", jobs))).set_index("comparison")
    own = ("slope per doubling of K", "K = 1 less K = 255", "K = 16 less K = 255", "K = 1 less K = 16")
    against = ("slope per doubling of K", "K = 1", "K = 16", "K = 255")
    assert list(table.index) == [
        *(f"alpha = K: {name}" for name in own),
        *(f"alpha = 256: {name}" for name in own),
        *(f"alpha = 256 less alpha = K: {name}" for name in against),
    ]
    for name in table.index[table["told"] == "cannot be told"]:
        row = table.loc[name]
        n = 3 + row["more_seeds_difference"]
        wrong = 0.05 / row["tests"]
        assert power_of_difference(n, row["sd"], row["mean"], wrong) >= 0.8
        assert n == 4 or power_of_difference(n - 1, row["sd"], row["mean"], wrong) < 0.8
        if "slope" in name:
            assert math.isnan(row["p_equal"]) and math.isnan(row["more_seeds_same"])
            continue
        n = 3 + row["more_seeds_same"]
        assert power_of_equality(n, row["sd"], 0.5, wrong) >= 0.79
        assert power_of_equality(n - 1, row["sd"], 0.5, wrong) < 0.81
    told = table["told"]
    assert (told == "cannot be told").sum() > 4
    known = ~told.isin(["cannot be told", "differs at 5 % alone, not after Holm's correction"])
    assert table.loc[known, ["more_seeds_same", "more_seeds_difference"]].isna().all(axis=None) and known.any()


def test_p_values_are_scipys_after_the_correction_over_their_kind(tmp_path: Path) -> None:
    jobs = [job for K in BASE for job in seeds(BASE[K], K=K)]
    table = comparisons(grid_of(write_sweep(tmp_path / "s", jobs))).set_index("comparison")
    p = {K: stats.ttest_rel(BASE[K], BASE[255]).pvalue for K in (1, 16)}
    assert p[1] < p[16]
    found = table.loc[["K = 1 less K = 255", "K = 16 less K = 255", "K = 1 less K = 16"]]
    assert found["p"].tolist() == pytest.approx([2 * p[1], max(2 * p[1], p[16]), stats.ttest_rel(BASE[1], BASE[16])[1]])
    assert found["tests"].tolist() == [2, 2, 1]
    slopes = [stats.linregress(np.log2([1, 16, 255]), [BASE[K][seed] for K in BASE]).slope for seed in range(3)]
    assert table.loc["slope per doubling of K", "p"] == pytest.approx(stats.ttest_1samp(slopes, 0).pvalue)
    assert table.loc["K = 16 less K = 255", "told"] == "the same"


def test_equal_slopes_of_a_coarse_accuracy_prove_nothing(tmp_path: Path) -> None:
    """Of 10 test images, in steps of 10 points: one more is right in both seeds."""
    folder = write_sweep(tmp_path / "s", [*seeds([40.0, 50.0], K=4), *seeds([50.0, 60.0], K=16)])
    for K in (4, 16):
        for seed in range(2):
            write_right(folder / f"K={K},seed={seed}", "linear", np.arange(10) < K // 4 + seed)
    row = comparisons(grid_of(folder)).set_index("comparison").loc["slope per doubling of K"]
    assert row["mean"] == 5 and row["low"] < 0 < row["high"] and row["p"] > 0.05


def test_what_no_thousand_seeds_would_show_is_infinite_and_images_stand_beside(tmp_path: Path) -> None:
    jobs = [job for K, own in {4: [48.0, 46.0, 48.51], 16: [47.0, 48.0, 47.5]}.items() for job in seeds(own, K=K)]
    folder = write_sweep(tmp_path / "s", jobs)
    bits = np.random.default_rng(0).random((2, 3, 40)) < 0.5
    for K, own in zip((4, 16), bits, strict=True):
        for seed, row in enumerate(own):
            write_right(folder / f"K={K},seed={seed}", "linear", row)
    row = comparisons(grid_of(folder)).iloc[-1]
    assert (row["told"], row["more_seeds_difference"]) == ("cannot be told", math.inf)
    images = over_seeds_and_images(*bits)
    assert (row["images_low"], row["images_high"]) == (images.low, images.high)


def test_one_seed_compares_nothing(tmp_path: Path) -> None:
    assert comparisons(grid_of(write_sweep(tmp_path / "s", [*seeds([80], K=4), *seeds([81], K=8)]))).empty
