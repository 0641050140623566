"""The sentences about made-up sweeps of which the truth is known."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from contrastive_lab.record.right import write_right
from contrastive_lab.report.paired import Side, Trend, compared
from contrastive_lab.report.verdict import _apart, _slopes_apart, _trend, no_axis, verdict
from tests.sweep_folder import Told, grid_of, seeds, unrelated, write_sweep


def said(folder: Path, jobs: list[Told], **told: object) -> str:
    return " ".join(verdict(grid_of(write_sweep(folder, jobs, **told))))


def rows(at: dict[int, list[float]], seconds: float = 0, **settings: object) -> list[Told]:
    made = [job for K, values in at.items() for job in seeds(values, K=K, **settings)]
    return [(asked, {**(result or {}), "seconds": 100 + seconds * int(asked["K"])}) for asked, result in made]


def test_a_flat_line_a_rising_one_and_one_that_cannot_be_told(tmp_path: Path) -> None:
    flat = {1: [48.1, 47.1, 49.0], 16: [48.0, 47.0, 49.1], 255: [48.0, 47.1, 49.0]}
    rising = {1: [44.0, 43.0, 45.2], 16: [46.0, 45.1, 47.0], 255: [48.0, 47.0, 49.1]}
    unclear = {1: [44.0, 49.0, 45.0], 16: [46.0, 45.0, 49.0], 255: [45.0, 47.0, 49.5]}
    lines = [*rows(flat, seconds=0.2, alpha=None), *rows(rising, alpha=4), *rows(unclear, alpha=8)]
    text = said(tmp_path / "s", lines)
    assert "alpha = K: flat within 0.5 points from K = 1 to 255, each K against each: -0.00 points per doubling" in text
    assert (
        "K = 1 is enough: within 0.5 points of K = 255 (tests at 5 %), +0.03 points "
        "(95 % interval -0.11 to +0.18, n = 3)" in text
    )
    assert "saves 254 of 255 negatives a query and takes 100 seconds a run instead of 151" in text
    assert "alpha = 4: rises: +0.50 points per doubling of K (95 % interval +0.4" in text
    assert "+3.97 points from K = 1 to 255" in text
    assert "alpha = 8: whether it changes from K = 1 to 255 cannot be told with n = 3 seeds" in text
    assert "alpha = 4 against alpha = K: slopes differ by +0.50 points per doubling" in text
    assert "alpha = 8 against alpha = K: slopes cannot be told apart" in text
    assert "order of the data and views are the same for a seed" in text


def test_the_margin_is_the_experiments_or_that_of_the_line(tmp_path: Path) -> None:
    values = {1: [47.6, 47.0, 48.5], 255: [48.0, 47.1, 49.0]}
    assert "flat within 2 points" in said(tmp_path / "s", rows(values), experiment={"margin": 2})
    assert "cannot be told" in said(tmp_path / "t", rows(values))
    grid = grid_of(write_sweep(tmp_path / "u", rows(values)), margin=3.0)
    assert "flat within 3 points" in " ".join(verdict(grid))


def test_a_margin_of_one_is_one_point(tmp_path: Path) -> None:
    values = {1: [47.6, 47.0, 48.5], 255: [47.7, 47.1, 48.5]}
    text = said(tmp_path / "s", rows(values), experiment={"margin": 1})
    assert "flat within 1 point from" in text and "within 1 points" not in text


def test_what_the_correction_leaves_open_is_said_to_differ_alone(tmp_path: Path) -> None:
    base, gaps = [70.0, 71.0, 72.0], {4: [1.0, 1.6, 0.9], 64: [1.0, -1.0, 0.4]}
    assert 0.025 < stats.ttest_1samp(gaps[4], 0).pvalue < 0.05
    ours = {K: [low + gap for low, gap in zip(base, gaps[K], strict=True)] for K in gaps}
    text = said(tmp_path / "s", [*rows(dict.fromkeys(gaps, base), alpha=None), *rows(ours, alpha=256)])
    assert "Holm's correction over 2: differs at 5 % alone, not after Holm's correction, at K = 4 (+1.17" in text
    named = [*seeds(base, backbone="a"), *seeds(ours[4], backbone="b"), *seeds(ours[64], backbone="c")]
    text = " ".join(verdict(grid_of(write_sweep(tmp_path / "t", named), x="backbone")))
    assert "b +1.17 points" in text and "differs at 5 % alone, not after Holm's correction; about" in text


def test_of_two_lines_both_what_differs_and_what_does_alone_is_said(tmp_path: Path) -> None:
    base = [70.0, 71.0, 72.0]
    ours = {4: [71.0, 72.6, 72.9], 16: [80.0, 81.1, 82.0], 64: [71.0, 70.0, 72.4]}
    text = said(tmp_path / "s", [*rows(dict.fromkeys(ours, base), alpha=None), *rows(ours, alpha=256)])
    assert "Holm's correction over 3: differs at K = 16 (+10.03" in text
    assert "; differs at 5 % alone, not after Holm's correction, at K = 4 (+1.17" in text
    assert "no difference found" not in text


def test_differences_at_each_k_are_said_with_holms_correction(tmp_path: Path) -> None:
    base = {4: [70.0, 71.0, 72.0], 64: [76.0, 77.0, 78.0]}
    ours = {4: [75.1, 76.0, 77.0], 64: [76.0, 77.5, 78.1]}
    text = said(tmp_path / "s", [*rows(base, alpha=None), *rows(ours, alpha=256)])
    assert "each K by itself, Holm's correction over 2: differs at K = 4 (+5.03, 95 % interval +4.89 to +5.18" in text
    assert "no difference found, the largest at K = 64 (+0.20" in said(
        tmp_path / "t", [*rows(base, alpha=None), *rows({4: base[4], 64: ours[64]}, alpha=256)]
    )


def test_words_are_compared_with_the_first(tmp_path: Path) -> None:
    at = {
        "spectral": [48, 47, 49],
        "hard": [51.0, 50.1, 52.0],
        "info_nce": [48.1, 47.0, 49.0],
        "debiased": [44, 48, 52],
    }
    text = said(tmp_path / "s", [job for name, values in at.items() for job in seeds(values, loss=name)])
    assert "each loss against loss = spectral, Holm's correction over 3: " in text
    assert "hard +3.03 points (95 % interval +2.89 to +3.18, n = 3) differs;" in text
    assert "info_nce +0.03 points (95 % interval -0.11 to +0.18, n = 3) is the same within 0.5 points" in text
    unclear = (
        "debiased +0.00 points (95 % interval -8.96 to +8.96, n = 3) cannot be told apart with n = 3 seeds; about "
    )
    assert unclear in text and "would show it the same within 0.5 points if it is" in text


def test_what_has_no_place_among_doublings_is_named(tmp_path: Path) -> None:
    at = {0: [40.0, 39.1, 41.0], 1: [44.0, 43.0, 45.2], 255: [48.0, 47.0, 49.1]}
    text = said(tmp_path / "s", rows(at))
    assert "points from K = 1 to 255. Slope and flatness count doublings and leave out K = 0." in text
    assert "Each K against K = 255, Holm's correction over 2: 0 -8.00 points (95 % interval" in text
    assert "leave out" not in said(tmp_path / "t", rows({K: at[K] for K in (1, 255)}))


def test_each_x_is_told_over_other_test_images_too(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s", rows({K: [48.0, 47.0, 49.1] for K in (1, 16, 255)}))
    for run in folder.glob("K=*"):
        write_right(run, "linear", [True, False] * 20)
    text = " ".join(verdict(grid_of(folder)))
    for K in (1, 16):
        assert (
            f"{K} is +0.00 points (95 % interval +0.00 to +0.00, n = 3; +0.00 to +0.00 with other test images" in text
        )


@pytest.mark.parametrize(
    ("jobs", "sentence"),
    [
        (
            rows({1: [48, 47], 255: [48, 47]}),
            "are the same for a seed, the negatives that are drawn are not the same for",
        ),
        ([*seeds([48, 47], K=4, tau=0.1), *seeds([48, 47], K=4, tau=0.2)], "the same for a seed."),
        (
            [job for N in (32, 64) for K in (4, 16) for job in seeds([48, 47], K=K, batch_size=N)],
            "order and views of the data need not be those of another batch_size.",
        ),
        (
            [
                job
                for arm, blur in (("a", 0.1), ("b", 0.5))
                for K in (4, 8)
                for job in seeds([48, 47], arm=arm, K=K, **{"augment.blur": blur})
            ],
            "order and views of the data need not be those of another augment.blur.",
        ),
    ],
    ids=["K", "tau", "batch size as hue", "arms"],
)
def test_no_more_is_said_to_be_shared_than_is(jobs: list[Told], sentence: str, tmp_path: Path) -> None:
    experiment = {"x": "K", "hue": "arm"} if "arm" in jobs[0][0] else None
    assert sentence in said(tmp_path / "s", jobs, experiment=experiment)


def test_one_seed_judges_nothing(tmp_path: Path) -> None:
    text = said(tmp_path / "s", [*seeds([80], K=4), *seeds([90], K=8)])
    assert "Every setting has one seed" in text
    assert "88.0 to 91.7 by the size of the test set alone" in text  # Wilson's interval of 900 in 1,000
    assert "per doubling" not in text


@pytest.mark.parametrize(
    ("jobs", "words"),
    [
        ([({"K": 4}, None), ({"K": 8}, {"status": "running"})], "No run has finished"),
        ([({"K": 4}, {}), ({"K": 8}, {"linear_top1": math.nan})], "nothing is probed"),
        (seeds([80, 81], K=4), "nothing to compare"),
    ],
)
def test_what_is_missing_is_said(jobs: list[Told], words: str, tmp_path: Path) -> None:
    assert words in verdict(grid_of(write_sweep(tmp_path / "s", jobs)))[0]


@pytest.mark.long
@pytest.mark.parametrize("n", [3, 5])
def test_of_sweeps_without_a_difference_few_sentences_claim_one(n: int, tmp_path: Path) -> None:
    """Each sentence may be wrong in 5 of 100 of 10,000 sweeps of two flat lines, with two standard errors on top."""
    grid = grid_of(write_sweep(tmp_path / "s", [*seeds([80, 81], K=1), *seeds([80, 81], K=16)]))
    sweeps, Ks, runs = 10_000, [1.0, 16.0, 255.0], pd.DataFrame("", index=range(n), columns=[1.0, 16.0, 255.0])
    claims = dict.fromkeys(("rises", "falls", "slopes differ", "differs at K"), 0)
    for made_up in np.random.default_rng(n).normal(48, 1.0, (sweeps, 2, n, 3)):
        tables = [pd.DataFrame(values, columns=Ks) for values in made_up]
        line, base = (Side(table, runs) for table in tables)
        rows = compared(grid, "linear_top1", [(K, line, base, K) for K in Ks])
        trends = [Trend(table) for table in tables]
        told = [_trend(grid, trends[0]), *_slopes_apart(grid, *trends), *_apart(grid, {f"{d.at:g}": d for d in rows})]
        text = " ".join(told)
        claims = {word: count + (word in text) for word, count in claims.items()}
    most = sweeps * (0.05 + 2 * math.sqrt(0.05 * 0.95 / sweeps))
    assert 0.04 * sweeps < claims["rises"] + claims["falls"] <= most
    assert 0.04 * sweeps < claims["slopes differ"] <= most
    assert 0.03 * sweeps < claims["differs at K"] <= most


def test_where_no_axis_varies_alone_that_is_said(tmp_path: Path) -> None:
    assert "No axis varies alone: any two of the 4 settings differ in more than one of K," in said(
        tmp_path / "s", unrelated()
    )
    beside = [*unrelated(), ({"method": "simo", "K": 4, "tau": 0.3, "batch_size": 64}, {"linear_top1": 75.0})]
    folder = write_sweep(tmp_path / "t", beside)
    assert no_axis(grid_of(folder)) == []
    assert no_axis(grid_of(folder, x="K")) == [
        "No two settings differ in K alone, so there is no figure against it; x=tau has one."
    ]
