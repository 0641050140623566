"""The sentences about made-up sweeps of which the truth is known."""

import math
from pathlib import Path

import pytest
from scipy import stats

from contrastive_lab.record.right import write_right
from contrastive_lab.report.verdict import no_axis, verdict
from tests.sweep_folder import Told, grid_of, seeds, unrelated, write_sweep
from tests.test_report.said import rows, said


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
    assert "points from K = 1 to 255 (95 % interval +3.82 to +4.11, n = 3). Slope and flatness count" in text
    assert "count doublings and leave out K = 0." in text
    assert "Each K against K = 255, Holm's correction over 2: 0 -8.00 points (95 % interval" in text
    assert "leave out" not in said(tmp_path / "t", rows({K: at[K] for K in (1, 255)}))


def test_settings_without_shared_seeds_are_not_passed_over(tmp_path: Path) -> None:
    apart = [({"K": K, "seed": s}, {"linear_top1": 80.0 + s}) for K, own in ((16, (0, 1)), (255, (2, 3))) for s in own]
    assert "No two settings share two seeds, so none is compared with another; the same seeds" in said(
        tmp_path / "s", apart
    )


def test_many_words_on_x_are_a_sentence_each(tmp_path: Path) -> None:
    at = {name: [50.0 + i, 51.0, 52.0 - i] for i, name in enumerate("edcba")}
    jobs = [job for name, values in at.items() for job in seeds(values, backbone=name)]
    found = verdict(grid_of(write_sweep(tmp_path / "s", jobs), x="backbone"))
    assert found[1] == "each backbone against backbone = e, Holm's correction over 4:"
    assert [text.split(":")[0] for text in found[2:6]] == [f"backbone = {name}" for name in "abcd"]


def test_each_x_is_told_over_other_test_images_too(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s", rows({K: [48.0, 47.0, 49.1] for K in (1, 16, 255)}))
    for run in folder.glob("K=*"):
        write_right(run, "linear", [True, False] * 20)
    text = " ".join(verdict(grid_of(folder)))
    for K in (1, 16):
        assert (
            f"{K} is +0.00 points (95 % interval -1.79 to +1.79, n = 3; -1.79 to +1.79 with other test images" in text
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
