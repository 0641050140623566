import math
from pathlib import Path

import pytest

from contrastive_lab.report.verdict import verdict
from tests.sweep_folder import Told, grid_of, seeds, write_sweep


def test_the_verdict_says_which_differences_exceed_two_errors_and_which_do_not(tmp_path: Path) -> None:
    jobs = [
        *seeds([70, 71, 72], K=4, alpha=None),  # se = sqrt(1 / 3), of a difference sqrt(2 / 3) = 0.82
        *seeds([75, 76, 77], K=4, alpha=256),
        *seeds([76, 77, 78], K=64, alpha=None),
        *seeds([76, 77.5, 79], K=64, alpha=256),
    ]
    text = " ".join(verdict(grid_of(write_sweep(tmp_path / "s", jobs))))
    assert "77.50 ± 0.87 percent (n = 3) at K = 64, alpha = 256" in text
    assert "exceeds 1 of 3 other settings by more than 2 standard errors" in text
    assert "not told apart from it: K = 4, alpha = 256; K = 64, alpha = K (InfoNCE)." in text
    assert "alpha = 256 against alpha = K (InfoNCE), difference in points: higher at K = 4 (+5.00);" in text
    assert "within 2 standard errors at K = 64 (+0.50)." in text
    assert "about 12 of 100" in text  # Student's law, 4 degrees: P(|t| > 2) = 0.116


def test_the_verdict_of_one_seed_judges_nothing(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s", [*seeds([80], K=4), *seeds([90], K=8)])
    text = " ".join(verdict(grid_of(folder)))
    assert "cannot be judged" in text
    assert "± 0.9 for the size of the test set alone" in text  # 100 sqrt(0.9 * 0.1 / 1000) = 0.95
    assert "exceeds" not in text


@pytest.mark.parametrize(
    ("jobs", "words"),
    [
        ([({"K": 4}, None), ({"K": 8}, {"status": "running"})], "No run has finished"),
        ([({"K": 4}, {}), ({"K": 8}, {"linear_top1": math.nan})], "nothing is probed"),
        (seeds([80, 81], K=4), "nothing to compare"),
    ],
)
def test_the_verdict_says_what_is_missing(jobs: list[Told], words: str, tmp_path: Path) -> None:
    assert words in verdict(grid_of(write_sweep(tmp_path / "s", jobs)))[0]
