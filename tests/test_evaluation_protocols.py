"""Features to accuracies: each protocol against its formula written a second time, and what must not change it."""

import importlib
import itertools
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from contrastive_lab.draw import generator
from contrastive_lab.evaluation.class_mean import class_mean
from contrastive_lab.evaluation.knn import knn
from contrastive_lab.evaluation.linear import LinearResult, fit_predict, gradient, linear
from contrastive_lab.evaluation.moco_probe import MocoProbe
from contrastive_lab.evaluation.scores import Scores, Split, checked, topk

Protocol = Callable[[Split, Split], Scores | LinearResult]


def noisy_classes(name: str, n: int, dim: int = 8, classes: int = 7, noise: float = 1.0) -> Split:
    """Class centres, the same for every name, plus noise; all classes appear."""
    centres = torch.randn(classes, dim, generator=generator("centres"))
    labels = torch.arange(n) % classes
    return Split(centres[labels] + noise * torch.randn(n, dim, generator=generator(name)), labels)


def chance(name: str, n: int, dim: int, classes: int) -> Split:
    """Features that say nothing of the labels."""
    source = generator(name)
    return Split(torch.randn(n, dim, generator=source), torch.randint(classes, (n,), generator=source))


def part(split: Split, rows: Tensor) -> Split:
    """Some rows of a split."""
    return Split(split.features[rows], split.labels[rows])


def rescaled(split: Split) -> Split:
    """Every row times a positive number of its own."""
    factors = torch.logspace(-3, 3, len(split.labels))[torch.randperm(len(split.labels), generator=generator("scale"))]
    return Split(split.features * factors[:, None], split.labels)


TRAIN, TEST = noisy_classes("train", 90), noisy_classes("test", 60)
DOUBLE = (Split(TRAIN.features.double(), TRAIN.labels), Split(TEST.features.double(), TEST.labels))


# topk


def test_topk_counts_ranks() -> None:
    scores = torch.tensor([[6.0, 5, 4, 3, 2, 1]]).repeat(6, 1)
    assert topk(scores, torch.arange(6)) == pytest.approx((100 / 6, 500 / 6))


def test_topk_of_fewer_than_five_classes() -> None:
    assert topk(torch.tensor([[1.0, 2, 3], [3, 2, 1]]), torch.tensor([2, 2])) == (50, 100)


def test_constant_scores_are_chance() -> None:
    assert topk(torch.zeros(3, 8), torch.tensor([0, 3, 7])) == pytest.approx((100 / 8, 500 / 8))


def test_ties_worked_by_hand() -> None:
    # The own class is 1. Row 1: it shares places 1 and 2 with class 0. Row 2: it shares places 2 to 7 with five others.
    scores = torch.tensor([[9.0, 9, 0, 0, 0, 0, 0], [9, 1, 1, 1, 1, 1, 1]])
    assert topk(scores, torch.tensor([1, 1])) == pytest.approx((100 * (1 / 2 + 0) / 2, 100 * (1 + 4 / 6) / 2))


def test_ties_are_the_mean_over_orders_of_classes() -> None:
    scores = torch.randint(3, (10, 6), generator=generator("ties")).float()
    labels = torch.randint(6, (10,), generator=generator("labels"))
    hits = torch.zeros(2)
    for order in itertools.permutations(range(6)):
        ranked = torch.tensor(order)[scores[:, order].argsort(dim=1, descending=True, stable=True)]
        correct = ranked == labels[:, None]
        hits += torch.stack([correct[:, :1].sum(), correct[:, :5].sum()])
    expected = hits / (math.factorial(6) * 10) * 100
    assert topk(scores, labels) == pytest.approx(tuple(expected.tolist()))


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        (torch.zeros(3), torch.zeros(3).long(), "n, C"),
        (torch.zeros(3, 2), torch.zeros(2).long(), "n, C"),
        (torch.zeros(0, 2), torch.zeros(0).long(), "n, C"),
        (torch.full((1, 2), math.nan), torch.zeros(1).long(), "NaN"),
        (torch.zeros(1, 2), torch.tensor([2]), r"0\.\.1"),
        (torch.zeros(1, 2), torch.zeros(1), "whole numbers"),
    ],
)
def test_topk_refuses(scores: Tensor, labels: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        topk(scores, labels)


# knn


def naive_knn(k: int, temperature: float) -> Scores:
    votes = torch.zeros(len(TEST.labels), 7, dtype=torch.float64)
    for i, z in enumerate(TEST.features.double()):
        cosines = []
        for key, label in zip(TRAIN.features.double(), TRAIN.labels.tolist(), strict=True):
            cosines.append((float(z @ key / (z.norm() * key.norm())), label))
        for cosine, label in sorted(cosines, reverse=True)[:k]:
            votes[i, label] += math.exp(cosine / temperature)
    return topk(votes, TEST.labels)


@pytest.mark.parametrize(("k", "temperature"), [(3, 0.1), (20, 0.07), (20, 1.0), (90, 0.5)])
def test_knn_is_its_formula(k: int, temperature: float) -> None:
    assert knn(TRAIN, TEST, k, temperature) == pytest.approx(naive_knn(k, temperature))


@pytest.mark.parametrize(("k", "temperature"), [(1, 0.1), (20, 1e-5)])
def test_one_neighbour_or_no_temperature_is_the_nearest(k: int, temperature: float) -> None:
    nearest = F.cosine_similarity(TEST.features[:, None], TRAIN.features[None], dim=2).argmax(1)
    accuracy = (TRAIN.labels[nearest] == TEST.labels).double().mean() * 100
    assert knn(TRAIN, TEST, k, temperature).top1 == pytest.approx(float(accuracy))


def test_more_neighbours_than_examples_is_the_full_vote() -> None:
    train = part(TRAIN, torch.arange(9))  # so few, and so warm, that the farthest counts
    cosines = F.cosine_similarity(TEST.features[:, None], train.features[None], dim=2)
    full = topk((cosines / 2.0).softmax(1) @ F.one_hot(train.labels).float(), TEST.labels)
    assert knn(train, TEST, k=1000, temperature=2.0) == pytest.approx(full)


def test_knn_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = knn(TRAIN, TEST, k=20)
    monkeypatch.setattr(importlib.import_module("contrastive_lab.evaluation.knn"), "BLOCK", 400)
    assert knn(TRAIN, TEST, k=20) == pytest.approx(whole)


def test_knn_of_classes_that_training_lacks() -> None:
    test = Split(TEST.features, TEST.labels.where(TEST.labels > 0, 7))
    shifted = knn(TRAIN, test, k=90, classes=8)
    right_of_others = knn(TRAIN, part(TEST, TEST.labels > 0), k=90).top1
    assert shifted.top1 == pytest.approx(right_of_others * float((TEST.labels > 0).double().mean()))


@pytest.mark.parametrize(("k", "temperature"), [(0, 0.1), (5, 0.0), (5, math.nan)])
def test_knn_refuses_settings(k: int, temperature: float) -> None:
    with pytest.raises(ValueError, match="k >= 1 and temperature > 0"):
        knn(TRAIN, TEST, k, temperature)


# class_mean


def test_class_mean_is_its_formula() -> None:
    train, test = rescaled(part(TRAIN, (TRAIN.labels > 2) | (torch.arange(90) < 14))), rescaled(TEST)  # unequal classes
    scores = torch.zeros(len(test.labels), 7, dtype=torch.float64)
    for i, z in enumerate(test.features.double()):
        for c in range(7):
            own = [x / x.norm() for x, label in zip(train.features.double(), train.labels, strict=True) if label == c]
            scores[i, c] = z / z.norm() @ sum(own, torch.zeros(8).double()) / len(own)
    assert class_mean(train, test) == pytest.approx(topk(scores, test.labels))


def test_class_means_stay_inside_the_sphere() -> None:
    # Means (0.5, 0) and (0, 1). The scores of (0.8, 0.6) are 0.4 and 0.6; with means on the sphere 0.8 and 0.6.
    half = math.sqrt(3) / 2
    features = torch.tensor([[0.5, half], [0.5, -half], [0, 1], [0, 3]])
    test = Split(torch.tensor([[8.0, 6.0]]), torch.tensor([1]))
    assert class_mean(Split(features, torch.tensor([0, 0, 1, 1])), test).top1 == 100


def test_class_mean_names_empty_classes() -> None:
    labels = TRAIN.labels.where(TRAIN.labels != 3, 4)
    with pytest.raises(ValueError, match=r"none of \[3\]"):
        class_mean(Split(TRAIN.features, labels), TEST)


@pytest.mark.parametrize("protocol", [knn, class_mean])
def test_length_of_features_does_not_matter(protocol: Protocol) -> None:
    assert protocol(rescaled(TRAIN), rescaled(TEST)) == pytest.approx(protocol(TRAIN, TEST))


# linear


def test_linear_separates() -> None:
    train, test = noisy_classes("train", 200, noise=0.02), noisy_classes("test", 100, noise=0.02)
    result = linear(train, test, epochs=20, rates=(0.3, 0.1))
    assert result == (Scores(100, 100), 0.1, {0.1: 100, 0.3: 100})  # the lowest of equal rates


def test_linear_on_labels_of_chance() -> None:
    scores = linear(chance("train", 400, 10, 4), chance("test", 2000, 10, 4), epochs=10).scores
    assert abs(scores.top1 - 25) < 4 * 100 * math.sqrt(0.25 * 0.75 / 2000)


def test_held_out_examples_are_not_trained_on() -> None:
    # More dimensions than examples: what is trained on is known by heart, and labels of chance cannot be guessed.
    train = chance("train", 200, 250, 2)
    result = linear(train, train, epochs=60, rates=(0.1, 0.3), held_out=0.5)
    assert result.scores.top1 == 100  # the last training takes the held-out examples in
    assert max(result.held_out.values()) < 50 + 4 * 100 * math.sqrt(0.25 / 100)


def test_rate_is_the_best_on_the_held_out_part() -> None:
    # Two dimensions that differ by the class alone: their difference is found by many long steps only.
    noise, labels = torch.randn(300, generator=generator("common")), torch.arange(300) % 2
    split = Split(torch.stack([noise, noise + 0.2 * labels], dim=1), labels)
    result = linear(split, split, epochs=20, rates=(1e-6, 1.0, 1e-5), held_out=0.3)
    assert list(result.held_out) == [1e-6, 1.0, 1e-5]
    assert result.held_out[1.0] > result.held_out[1e-5] + 20
    assert result.rate == 1.0


def test_test_split_does_not_choose() -> None:
    first = linear(TRAIN, TEST, epochs=5, held_out=0.3)
    other = Split(100 - 5 * TEST.features, TEST.labels.flip(0))
    second = linear(TRAIN, other, epochs=5, held_out=0.3)
    assert (second.rate, second.held_out) == (first.rate, first.held_out)
    assert second.scores != first.scores


def test_test_split_is_standardised_by_training_alone() -> None:
    whole = linear(TRAIN, TEST, epochs=5).scores.top1
    halves = [linear(TRAIN, part(TEST, rows), epochs=5).scores.top1 for rows in torch.arange(60).tensor_split(2)]
    assert sum(halves) / 2 == pytest.approx(whole)


def test_gradient_is_that_of_cross_entropy() -> None:
    weights = torch.randn(7, 3, 8, dtype=torch.float64, generator=generator("weights"), requires_grad=True)
    x, labels = TRAIN.features.double(), TRAIN.labels
    losses = [F.cross_entropy(x @ weights[:, r].T, labels) for r in range(3)]
    (expected,) = torch.autograd.grad(sum(losses, torch.zeros(())), weights)
    torch.testing.assert_close(gradient(weights.detach(), x, labels), expected)


def test_training_is_that_of_torch() -> None:
    (train, test), epochs = DOUBLE, 4
    mean, deviation = train.features.mean(0), train.features.std(0, correction=0)
    head = nn.Linear(8, 7, dtype=torch.float64)
    nn.init.zeros_(head.weight), nn.init.zeros_(head.bias)
    optimizer = torch.optim.SGD(head.parameters(), lr=0.5, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs * 3)
    for epoch in range(epochs):
        for rows in torch.randperm(90, generator=generator(5, "linear", epoch)).tensor_split(3):
            optimizer.zero_grad()
            loss = F.cross_entropy(head((train.features[rows] - mean) / deviation), train.labels[rows])
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
    logits = fit_predict(train, test.features, 7, [0.5], seed=5, epochs=epochs, batch_size=30)
    torch.testing.assert_close(logits[0], head((test.features - mean) / deviation).detach())


def test_rates_do_not_touch_each_other() -> None:
    rates = (0.01, 0.1, 1.0)
    together = fit_predict(TRAIN, TEST.features, 7, rates, seed=0, epochs=10, batch_size=32)
    alone = torch.cat([fit_predict(TRAIN, TEST.features, 7, [r], seed=0, epochs=10, batch_size=32) for r in rates])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_names_of_classes_do_not_matter() -> None:
    order = torch.tensor([3, 0, 6, 1, 5, 2, 4])
    train, test = (Split(split.features, order[split.labels]) for split in DOUBLE)
    assert linear(train, test, epochs=10) == linear(*DOUBLE, epochs=10)


def test_scale_and_place_of_dimensions_do_not_matter() -> None:
    factors, shift = torch.logspace(-4, 4, 8), torch.linspace(-3, 3, 8)
    train, test = (Split((split.features + shift) * factors, split.labels) for split in DOUBLE)
    assert linear(train, test, epochs=10) == linear(*DOUBLE, epochs=10)


def test_constant_dimension_is_ignored() -> None:
    # 0.1 has no exact float32, so a mean by summing would leave a deviation of rounding errors, to be blown up to 1.
    values = torch.tensor([0.1, 1 / 3, 1234.5678])
    train = Split(torch.cat([TRAIN.features, values.expand(90, 3)], dim=1), TRAIN.labels)
    test = Split(F.pad(TEST.features, (0, 3), value=1e6), TEST.labels)
    assert linear(train, test, epochs=5) == linear(TRAIN, TEST, epochs=5)


def test_linear_depends_on_the_seed_alone() -> None:
    first, again, other = (linear(TRAIN, TEST, seed, epochs=5, held_out=0.3) for seed in (1, 1, 2))
    assert first == again
    assert first.held_out != other.held_out


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"held_out": 0.001}, "empty"),
        ({"held_out": 1.0}, "empty"),
        ({"held_out": -0.1}, "empty"),
        ({"rates": ()}, "rates"),
        ({"rates": (0.1, 0.0)}, "rates"),
        ({"epochs": 0}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
    ],
)
def test_linear_refuses_settings(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        linear(TRAIN, TEST, **settings)  # type: ignore[arg-type]


# all


@pytest.mark.parametrize("protocol", [knn, class_mean, linear])
@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (Split(TRAIN.features[0], TRAIN.labels), TEST, "training features"),
        (TRAIN, Split(TEST.features, TEST.labels[1:]), "test features"),
        (TRAIN, Split(TEST.features[:, 1:], TEST.labels), "dimensions"),
        (TRAIN, Split(TEST.features[:0], TEST.labels[:0]), "test split is empty"),
        (TRAIN, Split(TEST.features.where(TEST.features < 1, math.nan), TEST.labels), "test features hold NaN"),
        (Split(TRAIN.features / 0, TRAIN.labels), TEST, "training features hold NaN or inf"),
        (Split(TRAIN.features, TRAIN.labels - 1), TEST, "training labels"),
        (TRAIN, Split(TEST.features, TEST.labels + 1), r"test labels must lie in 0\.\.6"),
        (TRAIN, Split(TEST.features, TEST.labels.float()), "whole numbers"),
    ],
)
def test_bad_splits_are_named(protocol: Protocol, train: Split, test: Split, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        protocol(train, test)


@pytest.mark.parametrize("protocol", [knn, class_mean, linear])
def test_half_precision_is_computed_in_float32(protocol: Protocol) -> None:
    train, test = (Split(split.features.half(), split.labels) for split in (TRAIN, TEST))
    same = protocol(Split(train.features.float(), train.labels), Split(test.features.float(), test.labels))
    assert protocol(train, test) == same
    assert checked(train, test)[0].features.dtype == torch.float32
    assert checked(train, DOUBLE[1])[0].features.dtype == torch.float64


# MocoProbe


def test_moco_probe_starts_and_falls_as_published() -> None:
    state = torch.get_rng_state()
    probe = MocoProbe(dim=100, classes=200, steps_per_epoch=3, epochs=10)
    assert torch.equal(torch.get_rng_state(), state)
    assert not probe.head.bias.any()
    assert float(probe.head.weight.detach().std()) == pytest.approx(0.01, abs=4 * 0.01 / math.sqrt(2 * 20000))
    rates = []
    for _ in range(30):
        rates.append(probe.optimizer.param_groups[0]["lr"])
        probe.step(torch.zeros(2, 100), torch.tensor([0, 1]))
    assert rates == pytest.approx([30.0] * 18 + [3.0] * 6 + [0.3] * 6)


def test_moco_probe_step_is_sgd_without_decay() -> None:
    probe = MocoProbe(dim=8, classes=7, steps_per_epoch=10)
    inputs, velocity = F.pad(TRAIN.features, (0, 1), value=1.0), torch.zeros(7, 9)
    weights = F.pad(probe.head.weight.detach(), (0, 1))  # the bias is the last column
    for _ in range(2):
        loss = probe.step(TRAIN.features, TRAIN.labels)
        torch.testing.assert_close(loss, F.cross_entropy(inputs @ weights.T, TRAIN.labels))
        velocity = 0.9 * velocity + gradient(weights[:, None], inputs, TRAIN.labels)[:, 0]
        weights = weights - 30 * velocity
    torch.testing.assert_close(probe.head.weight.detach(), weights[:, :8])
    torch.testing.assert_close(probe.head.bias.detach(), weights[:, 8])


def test_moco_probe_learns_inside_inference_mode() -> None:
    with torch.inference_mode():
        train, test = noisy_classes("train", 200, noise=0.02), noisy_classes("test", 100, noise=0.02)
        probe = MocoProbe(dim=8, classes=7, steps_per_epoch=1, epochs=50)
        for _ in range(50):
            loss = probe.step(train.features, train.labels)
        assert not loss.requires_grad
        assert probe.scores(test) == (100, 100)
