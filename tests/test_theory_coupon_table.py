"""The experiment `theory=coupon`: its table, its counts of classes, and bad input to all of the coupon collector."""

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from contrastive_lab.theory.coupon.collision import (
    clean_coverage_probability,
    collision_probability,
    expected_log_collisions,
    expected_log_collisions_without_replacement,
)
from contrastive_lab.theory.coupon.draws import (
    coverage_probability,
    coverage_without_replacement,
    distinct_law,
    expected_draws,
    smallest_draws,
    variance_of_draws,
)
from tests.counting import covered, surjections
from tests.theory_experiment import with_dials

coupon = with_dials("coupon")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: coverage_probability(-1, 3), "draws=-1"),
        (lambda: coverage_probability(3), "either classes or probs"),
        (lambda: coverage_probability(3, 2, [0.5, 0.5]), "either classes or probs"),
        (lambda: coverage_probability(3, 0), "classes=0"),
        (lambda: expected_draws(probs=[0.5, 0.4]), "must sum to 1, not 0.9"),
        (lambda: expected_draws(probs=[0.5, 0.0, 0.5]), "class 1 has 0; leave empty classes out"),
        (lambda: variance_of_draws(probs=[1.5, -0.5]), "class 1 has -0.5"),
        (lambda: variance_of_draws(probs=[0.5, math.nan]), "class 1 has nan"),
        (lambda: expected_draws(probs=[]), "one probability per class"),
        (lambda: coverage_probability(3.5, 3), "draws=3.5: must be a whole number, 0 or more"),  # type: ignore[arg-type]
        (lambda: coverage_probability(math.nan, 3), "draws=nan: must be a whole number"),  # type: ignore[arg-type]
        (lambda: coverage_probability(3, 2.5), "classes=2.5: must be a whole number"),  # type: ignore[arg-type]
        (lambda: collision_probability(math.nan, 3), "K=nan"),  # type: ignore[arg-type]
        (lambda: expected_log_collisions(2.5, 3), "K=2.5"),  # type: ignore[arg-type]
        (lambda: coverage_without_replacement(5, [math.inf, 3]), "whole numbers"),
        (lambda: smallest_draws(1 - 1e-12, 3), "at most 1 - 1e-9"),
        (lambda: smallest_draws(1.0, 3), "coverage=1.0"),
        (lambda: distinct_law(-2, 3), "draws=-2"),
        (lambda: distinct_law(2, 0), "classes=0"),
        (lambda: coverage_without_replacement(3, [2, 0]), "at least 1 for each class"),
        (lambda: coverage_without_replacement(3, [1.5, 2]), "whole numbers"),
        (lambda: coverage_without_replacement(6, [2, 3]), "at most 5"),
        (lambda: collision_probability(-1, 3), "K=-1"),
        (lambda: expected_log_collisions(2, probs=[0.3, 0.3]), "must sum to 1"),
        (lambda: expected_log_collisions_without_replacement(5, [2, 3]), "at most 4"),
        (lambda: clean_coverage_probability(-1, 3), "K=-1"),
    ],
)
def test_bad_input_is_refused(call, message) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    with pytest.raises(ValueError, match=message):
        call()


def test_experiment_prints_the_authors_table_and_counts_a_file(tmp_path: Path) -> None:
    (tmp_path / "counts.csv").write_text("class,images\ncat,10\ndog,5\nowl,3\nyak,2\n")
    outcome = coupon(K=15, classes=100, counts_csv=str(tmp_path / "counts.csv"))
    rows = {row["labels"]: row for row in outcome.table}
    for row in rows.values():
        assert row["printed"] in (None, row["rounded_up"])
    assert rows["ImageNet-1K"]["expected"] == pytest.approx(7485.471, abs=1e-3)
    assert rows["ImageNet-1K"]["rounded_up"] == 7486
    assert rows["CIFAR-10"]["tau"] == pytest.approx(1 - 0.9**15)
    assert rows["CIFAR-10"]["log_collisions"] == pytest.approx(0.801341, abs=1e-6)  # E ln(1 + Col), Col ~ Bin(15, 0.1)
    assert (rows["CIFAR-100"]["draws_50"], rows["CIFAR-100"]["draws_99"]) == (497, 916)
    assert rows["CIFAR-10"]["deviation"] == pytest.approx(11.211, abs=1e-3)
    assert rows["CIFAR-10"]["coverage"] == pytest.approx(surjections(16, 10) / 10**16, rel=1e-6)  # K + 1 = 16
    assert rows["counted"]["coverage"] == pytest.approx(float(covered(16, (10, 5, 3, 2))), rel=1e-9)
    assert rows["counted"]["classes"] == 4
    assert outcome.summary["coverage"] == pytest.approx(float(Fraction(surjections(128, 100), 100**128)), rel=1e-9)
    curves, traps = outcome.figure.axes
    assert len(curves.get_lines()) == 2 * 7 + 1  # a curve and its mean for each label set, and the legend's point
    assert traps.get_yscale() == "log"


def test_experiment_counts_a_folder_of_images(tmp_path: Path) -> None:
    for name, count in (("cat", 3), ("dog", 1), ("empty", 0)):
        (tmp_path / "train" / name).mkdir(parents=True)
        for i in range(count):
            (tmp_path / "train" / name / f"{i}.JPEG").touch()
    row = coupon(classes=2, image_folder=str(tmp_path)).table[-1]
    assert (row["labels"], row["classes"], row["printed"]) == ("counted", 2, None)
    assert row["expected"] == pytest.approx(4 / 3 + 4 - 1)  # 1/p + 1/q - 1


def test_experiment_leaves_the_counted_row_open_without_counts() -> None:
    row = coupon(classes=2).table[-1]
    assert (row["labels"], row["printed"], row["expected"]) == ("ImageNet-1K, counted", 7709, None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"K": -1}, "theory.K=-1"),
        ({"classes": 1}, "theory.classes=1"),
        ({"counts_csv": "nowhere.csv"}, "theory.counts_csv=nowhere.csv: no such file"),
        ({"image_folder": "nowhere"}, "theory.image_folder=nowhere"),
        ({"counts_csv": "a", "image_folder": "b"}, "give one of them"),
    ],
)
def test_experiment_refuses_bad_dials(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        coupon(**changes)


@pytest.mark.parametrize(
    "text", ["", "class,images\ncat,many\n", "class,images\ncat,0\n", "cat,-5\ndog,3\n", "cat,1300.0\ndog,3\n"]
)
def test_experiment_refuses_a_file_without_counts(tmp_path: Path, text: str) -> None:
    (tmp_path / "counts.csv").write_text(text)
    with pytest.raises(ValueError, match="last column must hold whole numbers"):
        coupon(counts_csv=str(tmp_path / "counts.csv"))
