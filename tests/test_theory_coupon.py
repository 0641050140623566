import itertools
import math
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from contrastive_lab.theory.collision import (
    clean_coverage_probability,
    collision_probability,
    expected_log_collisions,
    expected_log_collisions_without_replacement,
    no_collision_probability,
)
from contrastive_lab.theory.coupon import (
    coverage_probability,
    coverage_without_replacement,
    distinct_law,
    expected_draws,
    smallest_draws,
    variance_of_draws,
)
from contrastive_lab.theory.experiment.coupon import run
from contrastive_lab.theory.naive import clipped_sum, inclusion_exclusion

SKEWED = (0.5, 0.25, 0.15, 0.1)
WEIGHTS = (1, 2, 2, 3, 5, 8, 13, 40)  # out of 74


def surjections(n: int, classes: int) -> int:
    return sum((-1) ** j * math.comb(classes, j) * (classes - j) ** n for j in range(classes + 1))


def subsets(weights: tuple[int, ...]) -> list[tuple[int, Fraction]]:
    """Sign and probability of every subset of the classes."""
    total = sum(weights)
    chosen = [c for size in range(len(weights) + 1) for c in itertools.combinations(weights, size)]
    return [((-1) ** len(c), Fraction(sum(c), total)) for c in chosen]


def covered(n: int, weights: tuple[int, ...]) -> Fraction:
    return sum((sign * (1 - p) ** n for sign, p in subsets(weights)), Fraction(0))


def split(n: int, p: np.ndarray) -> float:
    """Classes one after the other: each takes at least one of the labels that are left."""
    left = np.zeros(n + 1)
    left[n] = 1
    for c in range(len(p) - 1):
        q, after = p[c] / p[c:].sum(), np.zeros(n + 1)
        for m in range(1, n + 1):
            x = np.arange(1, m + 1)
            law = np.array([float(math.comb(m, k)) for k in x]) * q**x * (1 - q) ** (m - x)
            after[m - x] += left[m] * law
        left = after
    return float(left[1:].sum())


@pytest.mark.parametrize("classes", [1, 2, 4, 10, 100])
def test_uniform_coverage_is_exact_inclusion_exclusion(classes: int) -> None:
    for n in {0, classes - 1, classes, classes + 1, classes + 3, 2 * classes, 5 * classes, 10 * classes}:
        exact = float(Fraction(surjections(n, classes), classes**n))
        assert coverage_probability(n, classes) == pytest.approx(exact, rel=1e-10, abs=0)


@pytest.mark.parametrize(
    ("classes", "draws", "expected"), [(1000, 4096, 2.874e-8), (1000, 7709, 0.6389599), (3029, 26030, 0.5706715)]
)
def test_coverage_of_many_classes(classes: int, draws: int, expected: float) -> None:
    assert coverage_probability(draws, classes) == pytest.approx(expected, rel=2e-4 if expected < 1e-6 else 1e-7)


def test_the_integral_is_the_occupancy_chain() -> None:
    for n in (1500, 4096, 7486):  # from 1e-90 to one half
        assert coverage_probability(n, 1000) == pytest.approx(distinct_law(n, 1000)[-1], rel=1e-10)


def test_coverage_at_100_classes_and_128_labels_does_not_cancel() -> None:
    found, exact = coverage_probability(128, 100), float(Fraction(surjections(128, 100), 100**128))
    assert found == pytest.approx(exact, rel=1e-9)
    assert not 1e-20 < found < 1e-3
    assert distinct_law(128, 100)[-1] == pytest.approx(exact, rel=1e-9)
    assert abs(inclusion_exclusion(np.array([100]), 100)[0]) > 1e-20


@pytest.mark.parametrize("draws", [128, 256, 384, 512, 1024])
def test_the_authors_sum_is_off_by_what_their_numbers_are_off_by(draws: int) -> None:
    """They print 4.517e-4, 5.75e-4, 0.108454, 0.553133, 0.997065: 4.5e-4 too much each."""
    offset = clipped_sum(draws, 100)[-1] - coverage_probability(draws, 100)
    assert offset == pytest.approx(4.5e-4, abs=1e-4)


def test_coverage_of_a_thousand_different_classes_is_the_coefficient_of_the_generating_function() -> None:
    """n! [z^n] of prod_c (e^(p_c z) - 1), by a Fourier sum over the whole circle of radius n."""
    probs = np.random.default_rng(0).dirichlet(np.full(1000, 20.0))
    for n in (5_000, 10_000, 15_000):
        points = 2 * n
        z = n * np.exp(2j * np.pi * np.arange(points) / points)
        logs = sum(np.log1p(-np.exp(-p * z)) for p in probs) + z  # of the product, as the p_c sum to 1
        total = np.exp(logs - n - 1j * n * np.angle(z)).mean().real
        exact = math.exp(math.log(total) + n + math.lgamma(n + 1) - n * math.log(n))
        assert coverage_probability(n, probs=probs) == pytest.approx(exact, rel=1e-9)
    assert 0.01 < exact < 0.999


def test_the_naive_formulas_are_the_right_ones_where_nothing_cancels() -> None:
    exact = float(Fraction(surjections(32, 10), 10**32))
    assert clipped_sum(32, 10)[-1] == pytest.approx(exact, rel=1e-9)
    assert inclusion_exclusion(np.array([32]), 10)[0] == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("n", [0, 7, 8, 9, 10, 20, 74, 200, 400])
def test_coverage_of_any_prior_is_exact_subset_enumeration(n: int) -> None:
    probs = np.array(WEIGHTS) / sum(WEIGHTS)
    assert coverage_probability(n, probs=probs) == pytest.approx(float(covered(n, WEIGHTS)), rel=1e-10, abs=0)


def test_coverage_of_four_unequal_classes() -> None:
    exact = {4: 0.045, 8: 0.338771, 16: 0.741714, 32: 0.960151}  # inclusion-exclusion over subsets, to six digits
    for n, value in exact.items():
        assert coverage_probability(n, probs=SKEWED) == pytest.approx(value, abs=1e-6)


def test_coverage_of_any_prior_is_binomial_splitting() -> None:
    p = np.random.default_rng(0).dirichlet(np.full(12, 2.0))
    for n in (13, 40, 90):
        assert coverage_probability(n, probs=p) == pytest.approx(split(n, p), rel=1e-9)


def test_coverage_holds_for_a_very_rare_class() -> None:
    rare = 1e-12
    for n in (3, 1000, 10**5):
        exact = -math.expm1(n * math.log1p(-rare)) - rare**n
        assert coverage_probability(n, probs=(1 - rare, rare)) == pytest.approx(exact, rel=1e-9)


def test_equal_probabilities_are_the_uniform_prior() -> None:
    p = np.full(7, 1 / 7)
    for function in (expected_draws, variance_of_draws):
        assert function(probs=p) == pytest.approx(function(7), rel=1e-12)
    assert coverage_probability(20, probs=p) == pytest.approx(coverage_probability(20, 7), rel=1e-12)
    assert smallest_draws(0.9, probs=p) == smallest_draws(0.9, 7)


def test_distinct_law_is_the_enumerated_one() -> None:
    counted = Counter(len(set(labels)) for labels in itertools.product(range(4), repeat=6))
    assert distinct_law(6, 4) == pytest.approx([counted[i] / 4**6 for i in range(5)], rel=1e-13, abs=0)
    assert distinct_law(0, 3).tolist() == [1, 0, 0, 0]


def test_distinct_law_is_exact_for_many_labels() -> None:
    n, classes = 300, 20  # more than one stretch between two trims of small probabilities
    law = distinct_law(n, classes)
    exact = [float(Fraction(math.comb(classes, i) * surjections(n, i), classes**n)) for i in range(1, classes + 1)]
    kept = [value if value > 1e-290 else 0.0 for value in exact]
    assert law[1:] == pytest.approx(kept, rel=1e-10, abs=1e-290)
    assert law.sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(("classes", "each"), [(1, 5), (2, 3), (10, 3), (100, 100), (10, 1000)])
def test_coverage_without_replacement_is_exact_for_equal_counts(classes: int, each: int) -> None:
    total = classes * each
    for n in {0, classes - 1, classes, classes + 1, 2 * classes, 5 * classes, total - each, total - each + 1, total}:
        if n > total:
            continue
        ways = sum((-1) ** j * math.comb(classes, j) * math.comb(total - j * each, n) for j in range(classes + 1))
        exact = float(Fraction(ways, math.comb(total, n)))
        assert coverage_without_replacement(n, [each] * classes) == pytest.approx(exact, rel=1e-9, abs=0)


def test_coverage_without_replacement_of_unequal_counts_is_the_polynomials() -> None:
    counts = (1, 2, 5, 9, 30)
    ways = [1]  # coefficients of prod_c ((1 + z)^n_c - 1): exact integers
    for count in counts:
        after = [0] * (len(ways) + count)
        for i, k in itertools.product(range(len(ways)), range(1, count + 1)):
            after[i + k] += ways[i] * math.comb(count, k)
        ways = after
    for n, way in enumerate(ways):
        exact = float(Fraction(way, math.comb(sum(counts), n)))
        assert coverage_without_replacement(n, counts) == pytest.approx(exact, rel=1e-10, abs=0)


def test_smallest_draws_of_equal_classes() -> None:
    exact = {4: (7, 13, 16, 21), 10: (27, 44, 51, 66), 100: (497, 683, 754, 916), 1000: (7274, 9155, 9874, 11503)}
    for classes, draws in exact.items():
        assert tuple(smallest_draws(c, classes) for c in (0.5, 0.9, 0.95, 0.99)) == draws
    assert smallest_draws(1e-6, 4) == 4
    assert smallest_draws(0.5, 1) == 1
    # Near 1 the union bound is exact to its own square: 1 - coverage = 10 * 0.9^n.
    assert smallest_draws(1 - 1e-9, 10) == math.ceil(math.log(1e-10) / math.log(0.9))


def test_smallest_draws_of_any_prior_is_the_first_that_covers() -> None:
    probs = np.array(WEIGHTS) / sum(WEIGHTS)
    for coverage in (0.1, 0.5, 0.99):
        n = smallest_draws(coverage, probs=probs)
        assert covered(n - 1, WEIGHTS) < coverage <= covered(n, WEIGHTS)


@pytest.mark.parametrize("classes", [1, 2, 10, 100, 3029])
def test_mean_and_variance_of_equal_classes_are_those_of_a_sum_of_waits(classes: int) -> None:
    chances = [i / classes for i in range(1, classes + 1)]  # of a new class: each wait is geometric
    mean = math.fsum(1 / p for p in chances)
    variance = math.fsum((classes - i) * classes / i**2 for i in range(1, classes + 1))
    assert expected_draws(classes) == pytest.approx(mean, rel=1e-12)
    assert variance_of_draws(classes) == pytest.approx(variance, rel=1e-12)


@pytest.mark.parametrize("weights", [(1, 1, 2), (10, 5, 3, 2), WEIGHTS, (1, 999)])
def test_mean_and_variance_of_any_prior_are_exact(weights: tuple[int, ...]) -> None:
    probs = np.array(weights) / sum(weights)
    signed = [(-sign, p) for sign, p in subsets(weights) if p]  # P(T > n) = sum of sign (1 - p)^n
    mean = sum(sign / p for sign, p in signed)
    second = sum(sign * (2 * (1 - p) / p**2 + 1 / p) for sign, p in signed)  # sum of (2 n + 1) P(T > n)
    assert expected_draws(probs=probs) == pytest.approx(float(mean), rel=1e-11)
    assert variance_of_draws(probs=probs) == pytest.approx(float(second - mean**2), rel=1e-9)


def test_mean_of_four_unequal_classes() -> None:
    assert expected_draws(probs=SKEWED) == pytest.approx(13.391977303742, abs=1e-11)  # Flajolet's integral, by scipy


def test_the_authors_numbers_for_equal_classes() -> None:
    printed = {2: 3, 4: 9, 10: 30, 100: 519, 3029: 26030}
    assert {classes: math.ceil(expected_draws(classes)) for classes in printed} == printed


def test_counts_like_imagenets_raise_the_mean_towards_the_authors_7709() -> None:
    counts = np.array([1300.0] * 895 + [117667 / 105] * 105)  # 1,281,167 images; a surrogate, not the true counts
    assert expected_draws(probs=counts / counts.sum()) == pytest.approx(7558.0, abs=0.05)


def test_simulation_agrees() -> None:
    source, trials, n = np.random.default_rng(0), 40_000, 16
    labels = source.choice(4, size=(trials, n), p=SKEWED)
    seen = np.stack([(labels == c).any(axis=1) for c in range(4)]).all(axis=0)
    hits = (labels[:, 1:] == labels[:, :1]).sum(axis=1)
    pairs = [
        (seen, coverage_probability(n, probs=SKEWED)),
        (hits > 0, collision_probability(n - 1, probs=SKEWED)),
        (np.log1p(hits), expected_log_collisions(n - 1, probs=SKEWED)),
    ]
    for sample, expected in pairs:
        assert abs(sample.mean() - expected) < 4 * sample.std() / math.sqrt(trials)


@pytest.mark.parametrize(("classes", "K"), [(2, 1), (10, 31), (10, 511), (100, 1023), (4, 0)])
def test_collision_probability_is_exact_at_both_ends(classes: int, K: int) -> None:
    none = Fraction(classes - 1, classes) ** K
    assert no_collision_probability(K, classes) == pytest.approx(float(none), rel=1e-11)
    assert collision_probability(K, classes) == pytest.approx(float(1 - none), rel=1e-12)


def test_probabilities_of_collisions_never_exceed_1() -> None:
    for K in (0, 1000, 65536):
        assert 0 <= collision_probability(K, 1000) <= 1
        assert 0 <= no_collision_probability(K, 1000) <= 1


def test_collision_probability_of_any_prior_keeps_small_numbers() -> None:
    p = [Fraction(1, 10**6)] * 2 + [1 - Fraction(2, 10**6)]
    none = sum(q * (1 - q) ** 3 for q in p)
    assert no_collision_probability(3, probs=[float(q) for q in p]) == pytest.approx(float(none), rel=1e-9)
    assert collision_probability(2, 10**5) == pytest.approx(2e-5 - 1e-10, rel=1e-11)  # 1 - (1 - 1e-5)^2
    assert collision_probability(5, 1) == 1
    assert no_collision_probability(5, 1) == 0


@pytest.mark.parametrize("K", [0, 1, 5, 63])
def test_expected_log_collisions_is_the_exact_binomial_sum(K: int) -> None:
    for weights in ((1,) * 10, (1,), WEIGHTS):
        total, expected = sum(weights), 0.0
        for w in weights:
            law = [math.comb(K, m) * w**m * (total - w) ** (K - m) for m in range(K + 1)]
            expected += w / total * sum(float(Fraction(x, total**K)) * math.log1p(m) for m, x in enumerate(law))
        probs = np.array(weights) / total
        assert expected_log_collisions(K, probs=probs) == pytest.approx(expected, rel=1e-11, abs=0)


@pytest.mark.parametrize(("classes", "K"), [(1000, 65536), (10, 65536), (100, 1023)])
def test_expected_log_collisions_of_many_negatives_is_the_sum_over_the_whole_law(classes: int, K: int) -> None:
    m = torch.arange(K + 1, dtype=torch.float64)
    log_law = math.lgamma(K + 1) - torch.lgamma(m + 1) - torch.lgamma(K - m + 1)
    log_law += m * math.log(1 / classes) + (K - m) * math.log1p(-1 / classes)
    assert expected_log_collisions(K, classes) == pytest.approx((log_law.exp() @ m.log1p()).item(), rel=1e-8)


def test_expected_log_collisions_without_replacement_is_the_exact_hypergeometric_sum() -> None:
    for counts, K in (((100,) * 100, 511), ((1000,) * 10, 31), ((1, 2, 5, 9, 30), 20), ((3, 4), 6), ((1,), 0)):
        total, expected = sum(counts), 0.0
        for count in set(counts):
            own, others = count - 1, total - count
            ways = [math.comb(own, m) * math.comb(others, K - m) for m in range(K + 1)]
            law = [float(Fraction(way, math.comb(total - 1, K))) for way in ways]
            expected += counts.count(count) * count / total * sum(x * math.log1p(m) for m, x in enumerate(law))
        found = expected_log_collisions_without_replacement(K, counts)
        assert found == pytest.approx(expected, rel=1e-10, abs=0)


@pytest.mark.parametrize("classes", [1, 2, 3])
@pytest.mark.parametrize("K", [0, 1, 2, 5])
def test_clean_coverage_is_the_enumerated_one(K: int, classes: int) -> None:
    batches = list(itertools.product(range(classes), repeat=K + 1))
    clean = sum(len(set(b)) == classes and b[0] not in b[1:] for b in batches)
    assert clean_coverage_probability(K, classes) == pytest.approx(clean / len(batches), rel=1e-12, abs=0)


def test_clean_coverage_is_largest_near_the_mean_number_of_draws() -> None:
    values = {n: clean_coverage_probability(n - 1, 100) for n in (384, 512, 640)}
    assert values == pytest.approx({384: 2.512e-3, 512: 3.352e-3, 640: 1.397e-3}, rel=4e-4)  # to four digits


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


def dials(**changes: object) -> dict[str, Any]:
    values = dict(OmegaConf.load(Path(__file__).parents[1] / "conf/theory/coupon.yaml"))
    assert values.pop("_target_") == f"{run.__module__}.run"
    return {**values, **changes}


def test_experiment_prints_the_authors_table_and_counts_a_file(tmp_path: Path) -> None:
    (tmp_path / "counts.csv").write_text("class,images\ncat,10\ndog,5\nowl,3\nyak,2\n")
    outcome = run(**dials(K=15, classes=100, counts_csv=str(tmp_path / "counts.csv")))
    rows = {row["labels"]: row for row in outcome.table}
    for row in rows.values():
        assert row["printed"] in (None, row["rounded_up"])
    assert rows["ImageNet-1K"]["expected"] == pytest.approx(7485.471, abs=1e-3)
    assert rows["ImageNet-1K"]["rounded_up"] == 7486
    assert rows["CIFAR-10"]["tau"] == pytest.approx(1 - 0.9**15)
    assert rows["CIFAR-10"]["log_collisions"] == pytest.approx(0.801341, abs=1e-6)  # E ln(1 + Col), Col ~ Bin(15, 0.1)
    assert (rows["CIFAR-100"]["draws_50"], rows["CIFAR-100"]["draws_99"]) == (497, 916)
    assert rows["CIFAR-10"]["deviation"] == pytest.approx(11.211, abs=1e-3)
    assert rows["CIFAR-10"]["coverage"] == pytest.approx(0.07030981, rel=1e-6)  # K + 1 = 16
    assert rows["counted"]["coverage"] == pytest.approx(float(covered(16, (10, 5, 3, 2))), rel=1e-9)
    assert rows["counted"]["classes"] == 4
    assert outcome.summary["coverage"] == pytest.approx(1.503620508e-22, rel=1e-9)
    curves, traps = outcome.figure.axes
    assert len(curves.get_lines()) == 2 * 7 + 1  # a curve and its mean for each label set, and the legend's point
    assert traps.get_yscale() == "log"


def test_experiment_counts_a_folder_of_images(tmp_path: Path) -> None:
    for name, count in (("cat", 3), ("dog", 1), ("empty", 0)):
        (tmp_path / "train" / name).mkdir(parents=True)
        for i in range(count):
            (tmp_path / "train" / name / f"{i}.JPEG").touch()
    row = run(**dials(classes=2, image_folder=str(tmp_path))).table[-1]
    assert (row["labels"], row["classes"], row["printed"]) == ("counted", 2, None)
    assert row["expected"] == pytest.approx(4 / 3 + 4 - 1)  # 1/p + 1/q - 1


def test_experiment_leaves_the_counted_row_open_without_counts() -> None:
    row = run(**dials(classes=2)).table[-1]
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
        run(**dials(**changes))


@pytest.mark.parametrize(
    "text", ["", "class,images\ncat,many\n", "class,images\ncat,0\n", "cat,-5\ndog,3\n", "cat,1300.0\ndog,3\n"]
)
def test_experiment_refuses_a_file_without_counts(tmp_path: Path, text: str) -> None:
    (tmp_path / "counts.csv").write_text(text)
    with pytest.raises(ValueError, match="last column must hold whole numbers"):
        run(**dials(counts_csv=str(tmp_path / "counts.csv")))
