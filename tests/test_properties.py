"""What holds for any input, down to N = 2, K = 1 and D = 1, zero and equal vectors among them, against plain loops."""

import math
from collections import deque
from fractions import Fraction

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from contrastive_lab import losses
from contrastive_lab.assignment import sinkhorn
from contrastive_lab.config.overrides import composed
from contrastive_lab.config.values import key_and_value, typed
from contrastive_lab.encoder import unit
from contrastive_lab.errors import ConfigError
from contrastive_lab.negatives import Queue, from_bank, from_batch
from contrastive_lab.randomness import StepRandom
from contrastive_lab.theory.bounds.ash import ash_coefficient
from contrastive_lab.theory.bounds.collision import collision_bound
from contrastive_lab.theory.coupon import coverage_probability, missing_probability
from tests.exact_coverage import covered

pytestmark = pytest.mark.long

settings.register_profile("repeatable", derandomize=True, deadline=None, database=None, max_examples=40)
settings.load_profile("repeatable")

small, sizes = st.integers(1, 6), st.integers(2, 6)
taus = st.sampled_from([0.01, 0.07, 0.5, 5.0])
alphas = st.sampled_from([None, 1e-3, 1.0, 65536.0, 1e9, math.inf])


@st.composite
def vectors(draw: st.DrawFn, rows: int, D: int) -> Tensor:
    """Rows of any length, many of them equal and some zero."""
    number = st.sampled_from([0.0, -1.0, 1.0, 0.3, 1e-20, 1e8])
    kinds = draw(st.lists(st.lists(number, min_size=D, max_size=D), min_size=1, max_size=3))
    return torch.tensor([draw(st.sampled_from(kinds)) for _ in range(rows)])


@st.composite
def queries_and_keys(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor]:
    N, K, D = draw(sizes), draw(small), draw(st.integers(1, 4))
    return draw(vectors(N, D)), draw(vectors(N, D)), draw(vectors(N * K, D)).view(N, K, D)


def cosines(q: Tensor, k: Tensor, n: Tensor) -> tuple[Tensor, Tensor]:
    query, key = unit(q), unit(k)
    negatives = unit(n.flatten(0, 1)).view_as(n)
    return (query * key).sum(1), torch.einsum("nd,nkd->nk", query, negatives)


@given(queries_and_keys(), taus, alphas)
def test_info_nce_is_its_formula(drawn: tuple[Tensor, Tensor, Tensor], tau: float, alpha: float | None) -> None:
    pos, neg = cosines(*drawn)
    found = losses.info_nce(pos.double(), neg.double(), tau, alpha, reduction="none").tolist()
    for p, row, loss in zip(pos.tolist(), neg.tolist(), found, strict=True):
        mean = sum(math.exp((n - p) / tau) for n in row) / len(row)
        expected = math.log(mean) if alpha == math.inf else math.log1p((alpha or len(row)) * mean)
        assert loss == pytest.approx(expected, rel=1e-9, abs=1e-9)


FAMILY = {
    "info_nce": lambda pos, neg, tau: losses.info_nce(pos, neg, tau, 1e9),
    "dcl": losses.dcl,
    "dclw": lambda pos, neg, tau: losses.dcl(pos, neg, tau, 0.5),
    "spectral": lambda pos, neg, tau: losses.spectral(pos, neg, 1.0, "exp", tau),
    "debiased": lambda pos, neg, tau: losses.debiased(pos, neg, tau, 0.1),
    "hard": lambda pos, neg, tau: losses.hard(pos, neg, tau, 1.0),
    "dual": lambda pos, neg, tau: losses.dual_temperature(pos, neg, tau, 10 * tau),
    "nce": lambda pos, neg, tau: losses.nce(pos, neg, tau, 100, 1 / tau),
}


@pytest.mark.parametrize("name", FAMILY)
@given(drawn=queries_and_keys(), tau=taus)
def test_zero_and_equal_vectors_have_a_gradient(name: str, drawn: tuple[Tensor, Tensor, Tensor], tau: float) -> None:
    q, k, n = drawn
    q.requires_grad_()
    loss = FAMILY[name](*cosines(q, k, n), tau)
    assert loss.isfinite().all()
    (gradient,) = torch.autograd.grad(loss.sum(), q)
    assert gradient.isfinite().all()


@given(st.data(), sizes, st.integers(1, 4), taus)
def test_supcon_is_its_formula_for_any_labels(data: st.DataObject, N: int, D: int, tau: float) -> None:
    """One view each: a label that occurs once has no positive, and its query the loss 0."""
    z = data.draw(vectors(N, D)).requires_grad_()
    labels = torch.tensor(data.draw(st.lists(st.integers(0, 3), min_size=N, max_size=N)))
    cos, own = unit(z) @ unit(z).T, torch.arange(N)
    found = losses.supcon(cos, (labels[:, None] == labels) & ~torch.eye(N, dtype=torch.bool), own, tau)
    assert torch.autograd.grad(found.sum(), z)[0].isfinite().all()
    for i, row in enumerate(cos.tolist()):
        logs = [row[j] / tau for j in range(N) if j != i]
        total = max(logs) + math.log(sum(math.exp(value - max(logs)) for value in logs))
        positives = [j for j in range(N) if j != i and labels[j] == labels[i]]
        expected = sum(total - row[p] / tau for p in positives) / max(1, len(positives))
        assert found[i].item() == pytest.approx(expected, rel=1e-4, abs=1e-4)


@given(st.integers(1, 12), st.lists(st.integers(1, 9), max_size=6))
def test_the_queue_is_a_queue(K: int, batches: list[int]) -> None:
    queue, expected, first = Queue(K, dim=1), deque([-1] * K, maxlen=K), 0
    for size in batches:
        ids = torch.arange(first, first + size)
        queue.push(ids[:, None].float(), ids)
        expected.extend(ids.tolist())
        first += size
    assert sorted(queue.ids.tolist()) == sorted(expected)
    pushed = queue.ids >= 0
    assert queue.keys[pushed, 0].tolist() == queue.ids[pushed].tolist()  # keys and images stay together


@given(st.data(), st.integers(2, 80), st.integers(1, 2), st.sampled_from(["query", "batch"]), st.integers(0, 9))
def test_negatives_of_the_batch_are_distinct_keys_of_other_images(
    data: st.DataObject, N: int, views: int, per: str, seed: int
) -> None:
    K = data.draw(st.integers(1, views * (N - 1)))
    chosen = from_batch(StepRandom(seed, 0, 0, N, 0, N), K, views, per).of()
    assert chosen.shape == (N, K)
    for i, row in enumerate(chosen.tolist()):
        assert len({*row}) == K
        assert all(0 <= key < views * N and key % N != i for key in row)


@given(st.integers(2, 9), st.integers(1, 20), st.integers(0, 99))
def test_negatives_of_the_bank_are_entries_of_other_images(images: int, K: int, seed: int) -> None:
    ids = torch.arange(images)
    chosen = from_bank(StepRandom(seed, 0, 0, images, 0, images), ids, K, images)
    assert chosen.shape == (images, K)
    assert ((chosen >= 0) & (chosen < images) & (chosen != ids[:, None])).all()


@given(st.data(), small, small, st.sampled_from([0.01, 0.05, 1.0]))
def test_codes_are_shares_of_prototypes(data: st.DataObject, B: int, P: int, epsilon: float) -> None:
    scores = unit(data.draw(vectors(B, 3))) @ unit(data.draw(vectors(P, 3))).T
    codes = sinkhorn(scores.double(), epsilon)
    torch.testing.assert_close(codes.sum(1), torch.ones(B, dtype=torch.float64))
    assert (codes >= 0).all()
    torch.testing.assert_close(sinkhorn(scores.double() + 7, epsilon), codes, rtol=1e-6, atol=1e-9)
    even = sinkhorn(scores.double(), 1.0, 2000).sum(0)
    torch.testing.assert_close(even, torch.full((P,), B / P, dtype=torch.float64), rtol=1e-6, atol=0)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=5), st.integers(0, 40))
def test_coverage_is_inclusion_and_exclusion(weights: list[int], draws: int) -> None:
    probs = [weight / sum(weights) for weight in weights]
    exact = covered(draws, tuple(weights))
    assert coverage_probability(draws, probs=probs) == pytest.approx(float(exact), rel=1e-8, abs=1e-300)
    assert missing_probability(draws, probs=probs) == pytest.approx(float(Fraction(1) - exact), rel=1e-8, abs=1e-300)


@given(st.integers(1, 200), st.integers(2, 30))
def test_the_coefficient_of_the_bound_is_its_formula(K: int, C: int) -> None:
    harmonic = sum(1 / c for c in range(1, C))
    expected = 2 * max(1.0, 2 * (C - 1) * harmonic / K) / (1 - 1 / C) ** K
    assert ash_coefficient(K, classes=C) == pytest.approx(expected, rel=1e-9)


@given(st.data(), st.integers(1, 3), st.integers(2, 4), st.integers(1, 3))
def test_the_bound_of_collisions_is_its_loop(data: st.DataObject, C: int, each: int, D: int) -> None:
    first, second = (unit(data.draw(vectors(C * each, D))).double() for _ in range(2))
    labels = torch.arange(C).repeat(each)
    same = [[i for i in range(C * each) if i != j and labels[i] == labels[j]] for j in range(C * each)]
    gaps = [sum(abs(float(second[j] @ (first[i] - first[j]))) for i in same[j]) / (each - 1) for j in range(C * each)]
    assert collision_bound(first, second, labels) == pytest.approx(sum(gaps) / len(gaps), abs=1e-9)


@given(st.text(max_size=12), st.text(max_size=12))
def test_what_is_typed_is_cut_at_the_first_sign(key: str, value: str) -> None:
    assume("=" not in key)
    assert key_and_value(f"{key}={value}") == (key, value)


KEYS = ["K", "tau", "alpha", "batch_size", "method", "dataset", "backbone.widths", "head.dim", "trainer.precision", ""]


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(KEYS) | st.text(max_size=6), st.text(max_size=8)), max_size=2))
def test_whatever_is_typed_gives_a_configuration_or_lines(typed_pairs: list[tuple[str, str]]) -> None:
    try:
        composed([f"{key}={value}" for key, value in typed_pairs])
    except ConfigError as error:
        assert error.problems
        assert all(problem and "\n" not in problem and "Traceback" not in problem for problem in error.problems)


@given(st.integers(1, 255), st.floats(0.01, 10), st.floats(1e-3, 1e12))
def test_numbers_come_through_the_line_as_they_were(K: int, tau: float, alpha: float) -> None:
    config = composed([f"K={K}", f"tau={typed(tau)}", f"alpha={typed(alpha)}"])
    assert (config.K, config.tau, config.alpha) == (K, tau, alpha)
