"""The optimum of the population loss: its law by enumeration, the simplex, and that nothing else is better."""

import itertools
import math
from collections import Counter

import pytest
import torch
from torch import Tensor

from contrastive_lab.theory.bounds.ash import ash_upper
from contrastive_lab.theory.bounds.awasthi import (
    all_counts,
    best_gram,
    drawn_counts,
    excess_loss,
    optimum_rows,
    population_loss,
    supervised_loss,
)
from contrastive_lab.theory.bounds.bao import bao_lower, bao_upper
from contrastive_lab.theory.bounds.collapsed import collapsed_terms

SKEWED = (0.7, 0.2, 0.1)


def random_gram(seed: int, classes: int) -> Tensor:
    vectors = torch.randn(classes, classes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    units = vectors / vectors.norm(dim=1, keepdim=True)
    return units @ units.T


def naive_loss(gram: Tensor, probs: tuple[float, ...], K: int, tau: float) -> float:
    """One anchor and one sequence of negatives after the other."""
    labels, loss = range(len(probs)), 0.0
    for anchor, *others in itertools.product(labels, repeat=K + 1):
        weights = [math.exp(float(gram[anchor, other] - 1) / tau) for other in others]
        loss += math.prod(probs[label] for label in (anchor, *others)) * math.log(1 + sum(weights))
    return loss


@pytest.mark.parametrize("K", range(1, 7))
def test_counts_are_those_of_all_sequences(K: int) -> None:
    expected: Counter[tuple[float, ...]] = Counter()
    for labels in itertools.product(range(3), repeat=K):
        expected[tuple(float(labels.count(c)) for c in range(3))] += math.prod(SKEWED[c] for c in labels)
    law = all_counts(K, SKEWED)
    assert dict(zip(map(tuple, law.counts.tolist()), law.weights.tolist(), strict=True)) == pytest.approx(
        dict(expected)
    )


@pytest.mark.parametrize("K", range(1, 7))
def test_loss_is_the_mean_over_all_sequences(K: int) -> None:
    gram = random_gram(K, 3)
    loss = population_loss(gram, SKEWED, all_counts(K, SKEWED), 0.3)
    assert float(loss) == pytest.approx(naive_loss(gram, SKEWED, K, 0.3), rel=1e-12)


@pytest.mark.parametrize("K", range(1, 7))
def test_optimum_of_drawn_counts_is_that_of_all_counts(K: int) -> None:
    drawn, law = drawn_counts(K, SKEWED), all_counts(K, SKEWED)
    assert drawn.counts.shape == (4096, 3)
    assert (drawn.counts.sum(1) == K).all()
    gram, best = best_gram(SKEWED, drawn, 0.5), best_gram(SKEWED, law, 0.5)
    assert (gram - best).abs().max() < 0.02
    lost = float(population_loss(gram, SKEWED, law, 0.5) - population_loss(best, SKEWED, law, 0.5))
    assert -1e-9 <= lost < 2e-5


@pytest.mark.parametrize(("C", "K"), [(2, 1), (2, 30), (3, 1), (3, 6), (5, 2), (5, 8), (10, 1), (10, 4)])
@pytest.mark.parametrize("tau", [0.2, 0.5])
def test_uniform_classes_have_a_simplex_for_every_K(C: int, K: int, tau: float) -> None:
    probs = [1 / C] * C
    law = all_counts(K, probs)
    gram = best_gram(probs, law, tau)
    cosines = gram[~torch.eye(C, dtype=torch.bool)]
    assert cosines.tolist() == pytest.approx([-1 / (C - 1)] * len(cosines), abs=1e-4)
    terms = collapsed_terms(K + 1, C, tau)
    assert float(population_loss(gram, probs, law, tau)) == pytest.approx(terms.L_info, rel=1e-9)
    assert supervised_loss(gram, probs, tau) == pytest.approx(terms.L_sup, rel=1e-6)


def test_drawn_counts_of_uniform_classes_have_nearly_a_simplex() -> None:
    probs = [0.1] * 10
    gram = best_gram(probs, drawn_counts(64, probs), 0.5)
    assert (gram[~torch.eye(10, dtype=torch.bool)] + 1 / 9).abs().max() < 0.005


@pytest.mark.parametrize("tau", [0.2, 1.0])
@pytest.mark.parametrize("K", [1, 5])
def test_no_grid_point_of_three_cosines_is_better(K: int, tau: float) -> None:
    law = all_counts(K, SKEWED)
    least = population_loss(best_gram(SKEWED, law, tau), SKEWED, law, tau)
    grid = torch.linspace(-1, 1, 41, dtype=torch.float64)
    a, b, c = torch.cartesian_prod(grid, grid, grid).T
    positive = 1 + 2 * a * b * c - a**2 - b**2 - c**2 >= 0  # the determinant; with |cosines| <= 1 that is enough
    a, b, c = a[positive], b[positive], c[positive]
    one = torch.ones_like(a)
    grams = torch.stack([one, a, b, a, one, c, b, c, one], 1).view(-1, 3, 3)
    sums = torch.einsum("nj,gcj->gnc", law.counts, ((grams - 1) / tau).exp())
    losses = torch.einsum("n,gnc,c->g", law.weights, sums.log1p(), torch.tensor(SKEWED, dtype=torch.float64))
    assert least - 1e-9 <= losses.min() < least + 0.02  # the nearest grid point is hardly worse


@pytest.mark.parametrize("seed", range(10))
def test_excess_is_a_bound_on_what_is_lost(seed: int) -> None:
    law = all_counts(4, SKEWED)
    best, other = best_gram(SKEWED, law, 0.5), random_gram(seed, 3)
    lost = float(population_loss(other, SKEWED, law, 0.5) - population_loss(best, SKEWED, law, 0.5))
    assert excess_loss(best, SKEWED, law, 0.5) < 1e-6
    assert 0 < lost <= excess_loss(other, SKEWED, law, 0.5)


def test_optimum_of_these_priors_does_not_get_worse_with_K() -> None:
    priors = {"uniform": (1 / 3,) * 3, "skewed": SKEWED, "two": (0.9, 0.1)}
    for tau in (0.2, 0.5):
        rows = optimum_rows(priors, [1, 2, 4, 8, 16, 32, 64], tau)
        assert max(row["excess"] for row in rows) < 1e-6
        for name in priors:
            losses = [row["L_sup"] for row in rows if row["prior"] == name]
            assert all(b <= a * (1 + 1e-6) for a, b in itertools.pairwise(losses))
            assert (losses[-1] < 0.99 * losses[0]) == (name == "skewed")  # two classes are antipodal at once
        assert {row["K"] for row in rows} == {1, 2, 4, 8, 16, 32, 64}


def test_with_a_rare_class_and_a_high_temperature_the_optimum_gets_worse_with_K() -> None:
    rare = (0.85, 0.14, 0.01)
    few, many = optimum_rows({"rare": rare}, [2, 16], tau=1.0)
    assert few["most"] > 0.9999  # two classes are one point
    assert many["most"] < 0.9
    assert many["L_sup"] > 1.015 * few["L_sup"]
    for row in (few, many):
        loss, supervised = by_search(rare, row["K"], 1.0)
        assert (row["L_info"], row["L_sup"]) == pytest.approx((loss, supervised), rel=1e-5)


def by_search(probs: tuple[float, ...], K: int, tau: float) -> tuple[float, float]:
    """Both losses of the best of three unit vectors, by trying steps of three angles."""
    splits = [(a, b, K - a - b) for a in range(K + 1) for b in range(K + 1 - a)]
    chances = [
        math.factorial(K) * math.prod(p**n / math.factorial(n) for p, n in zip(probs, s, strict=True)) for s in splits
    ]

    def weights(angles: list[float]) -> list[list[float]]:
        a, b, c = angles
        points = ((1.0, 0.0, 0.0), (math.cos(a), math.sin(a), 0.0))
        points += ((math.cos(b) * math.cos(c), math.sin(b) * math.cos(c), math.sin(c)),)
        return [[math.exp((sum(x * y for x, y in zip(u, v, strict=True)) - 1) / tau) for v in points] for u in points]

    def loss(angles: list[float]) -> float:
        e = weights(angles)
        return sum(
            chance * p * math.log(1 + sum(n * w for n, w in zip(split, row, strict=True)))
            for split, chance in zip(splits, chances, strict=True)
            for p, row in zip(probs, e, strict=True)
        )

    best, step = [2.0, 2.5, 0.3], 0.5
    while step > 1e-7:
        tries = [[x + sign * step * (i == j) for j, x in enumerate(best)] for i in range(3) for sign in (-1, 1)]
        found = min(tries, key=loss)
        best, step = (found, step) if loss(found) < loss(best) else (best, step / 2)
    return loss(best), sum(p * math.log(sum(row)) for p, row in zip(probs, weights(best), strict=True))


def test_bounds_hold_at_the_optimum() -> None:
    for row in optimum_rows({"skewed": SKEWED}, [1, 4, 16], 0.5):
        K = row["K"]
        gram = best_gram(SKEWED, all_counts(K, SKEWED), 0.5)
        collision = sum(
            p * math.comb(K, m) * p**m * (1 - p) ** (K - m) * math.log(1 + m) for p in SKEWED for m in range(K + 1)
        )
        terms = collapsed_terms(2, 2)._replace(L_info=row["L_info"], collision=collision)
        assert bao_lower(terms, K, 0.5, probs=SKEWED) <= row["L_sup"] <= bao_upper(terms, K, 0.5, probs=SKEWED)
        assert row["L_sup"] <= ash_upper(terms, K, probs=SKEWED)
        expected = -sum(p * float((gram[c] / 0.5).log_softmax(0)[c]) for c, p in enumerate(SKEWED))
        assert row["L_sup"] == pytest.approx(expected, rel=1e-12)
        off = [float(gram[0, 1]), float(gram[0, 2]), float(gram[1, 2])]
        assert (row["least"], row["most"]) == pytest.approx((min(off), max(off)))


def test_bad_values_are_named() -> None:
    with pytest.raises(ValueError, match="K=0"):
        drawn_counts(0, SKEWED)
    with pytest.raises(ValueError, match="tau=0"):
        best_gram(SKEWED, all_counts(1, SKEWED), 0.0)
    with pytest.raises(ValueError, match="sum to 1"):
        all_counts(1, [0.5, 0.6])
