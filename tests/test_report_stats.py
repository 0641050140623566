import math
import statistics
from pathlib import Path

import pytest

from contrastive_lab.config import CONF
from contrastive_lab.report.facts import CLASSES, TEST_SIZE
from contrastive_lab.report.stats import Summary, binomial_se, by_chance, decimals, in_errors, summarize
from contrastive_lab.report.verdict import verdict
from tests.sweep_folder import Told, grid_of, seeds, write_sweep


def test_mean_and_standard_error_are_those_worked_by_hand() -> None:
    found = summarize([80.0, 82.0, 84.0])  # s^2 = (4 + 0 + 4) / 2 = 4, se = sqrt(4 / 3)
    assert (found.n, found.mean) == (3, 82.0)
    assert found.se == pytest.approx(math.sqrt(4 / 3), rel=1e-12)
    values = [79.9, 79.3, 82.1, 80.4, 81.0]
    assert summarize(values).se == pytest.approx(statistics.stdev(values) / math.sqrt(5), rel=1e-12)


def test_what_is_not_a_number_is_no_value() -> None:
    assert summarize([None, math.nan, 80.0, math.inf, 82.0]) == Summary(2, 81.0, pytest.approx(1.0))
    assert summarize([80.0]) == Summary(1, 80.0, None)
    assert summarize([None]).n == 0
    assert str(summarize([])) == ""


def test_the_binomial_error_of_a_thousand_images_is_about_a_point() -> None:
    assert binomial_se(50, 100) == pytest.approx(5.0)  # 100 sqrt(0.25 / 100)
    assert binomial_se(80, 1000) == pytest.approx(100 * math.sqrt(0.8 * 0.2 / 1000), rel=1e-12)
    with pytest.raises(ValueError, match="0 to 100"):
        binomial_se(101, 1000)


def test_differences_are_counted_in_errors_of_the_difference() -> None:
    assert in_errors(Summary(3, 90, 3), Summary(3, 80, 4)) == pytest.approx(2.0)  # 10 / sqrt(9 + 16)
    assert in_errors(Summary(3, 90, 3), Summary(1, 80, None)) is None
    assert in_errors(Summary(2, 90, 0), Summary(2, 80, 0)) == math.inf
    assert in_errors(Summary(2, 80, 0), Summary(2, 80, 0)) == 0


@pytest.mark.parametrize(("n", "t"), [(2, 4.303), (3, 2.776), (5, 2.306), (11, 2.086)])
def test_chance_is_that_of_students_table(n: int, t: float) -> None:
    """Two-sided 5 % points of 2n - 2 degrees of freedom; half a unit of t's last digit moves the chance by 3e-5."""
    assert by_chance(n, t) == pytest.approx(0.05, abs=3e-5)
    with pytest.raises(ValueError, match="at least 2"):
        by_chance(1)


def test_a_column_has_as_many_decimals_as_its_errors_carry() -> None:
    assert decimals([Summary(3, 82.1, 0.4), Summary(3, 82.1, 0.04), Summary(3, 80, 0.5)]) == 2
    assert decimals([Summary(3, 1900, 31.0)]) == 0
    assert decimals([Summary(1, 2.5, None)]) == 3
    assert str(Summary(3, 82.123, 0.456)) == "82.12 ± 0.46"


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


def test_known_data_sets_are_those_of_conf() -> None:
    names = {path.stem for path in (CONF / "dataset").glob("*.yaml")} - {"image_folder"}
    assert set(CLASSES) == set(TEST_SIZE) == names
