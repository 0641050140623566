"""The program `theory=coupon`: its table and its counts of classes."""

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from contrastive_lab.errors import ConfigError
from tests.exact_coverage import covered, surjections
from tests.theory_programs import with_settings

coupon = with_settings("coupon")


def test_experiment_prints_the_authors_table_and_counts_a_file(tmp_path: Path) -> None:
    (tmp_path / "counts.csv").write_text("class,images\ncat,10\ndog,5\nowl,3\nyak,2\n")
    result = coupon(K=15, classes=100, counts_csv=str(tmp_path / "counts.csv"))
    rows = {row["labels"]: row for row in result.table}
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
    assert rows["CIFAR-10"]["missing"] + rows["CIFAR-10"]["coverage"] == pytest.approx(1)
    assert rows["counted"]["classes"] == 4
    own, total = {10: 9, 5: 4, 3: 2, 2: 1}, 19  # the anchor's class has one image less among the 19 others
    mean = sum(c / 20 * math.comb(n, m) * math.comb(total - n, 15 - m) / math.comb(total, 15) * math.log1p(m)
               for c, n in own.items() for m in range(16))  # fmt: skip
    assert rows["counted"]["log_collisions_of_the_set"] == pytest.approx(mean, rel=1e-10)
    assert result.summary["coverage"] == pytest.approx(float(Fraction(surjections(128, 100), 100**128)), rel=1e-9)
    curves, traps = result.figure.axes
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
        ({"K": -1}, "theory.K=-1: must be 0 or more"),
        ({"K": "abc"}, "theory.K=abc: must be a whole number"),
        ({"K": -1, "classes": 401}, "theory.classes=401: must be between 2 and 400"),
        ({"classes": 1}, "theory.classes=1"),
        ({"counts_csv": "nowhere.csv"}, "theory.counts_csv=nowhere.csv: no such file"),
        ({"image_folder": "nowhere"}, "theory.image_folder=nowhere"),
        ({"counts_csv": "a", "image_folder": "b"}, "give one of them"),
    ],
)
def test_bad_settings_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        coupon(**changes)


@pytest.mark.parametrize(
    "text", ["", "class,images\ncat,many\n", "class,images\ncat,0\n", "cat,-5\ndog,3\n", "cat,1300.0\ndog,3\n"]
)
def test_a_file_without_counts_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "counts.csv").write_text(text)
    with pytest.raises(ConfigError, match="last column must hold whole numbers"):
        coupon(counts_csv=str(tmp_path / "counts.csv"))
