"""The linear protocol against torch, by itself, and against what must not change it."""

import importlib
import math
import unittest.mock
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, multiprocessing, nn
from torch.nn import functional as F

from contrastive_lab.evaluation.linear import fit_predict, gradient, linear
from contrastive_lab.evaluation.scores import Scores, Split
from contrastive_lab.randomness import generator
from tests.labelled_features import DOUBLE, TEST, TRAIN, chance, noisy_classes, part

linear_module = importlib.import_module("contrastive_lab.evaluation.linear")
FIVE = (0.001, 0.01, 0.1, 0.3, 1.0)


def test_linear_separates() -> None:
    train, test = noisy_classes("train", 200, noise=0.02), noisy_classes("test", 100, noise=0.02)
    result = linear(train, test, epochs=20, lrs=(0.3, 0.1))
    assert result == (Scores(100, 100), 0.1, {0.1: 100, 0.3: 100})  # the lowest of equal learning rates


def test_linear_on_labels_of_chance() -> None:
    scores = linear(chance("train", 400, 10, 4), chance("test", 2000, 10, 4), epochs=10).scores
    assert abs(scores.top1 - 25) < 4 * 100 * math.sqrt(0.25 * 0.75 / 2000)


def test_held_out_examples_are_not_trained_on() -> None:
    # More dimensions than examples: what is trained on is known by heart, and labels of chance cannot be guessed.
    train = chance("train", 200, 250, 2)
    result = linear(train, train, epochs=60, lrs=(0.1, 0.3), held_out=0.5)
    assert result.scores.top1 == 100  # the last training takes the held-out examples in
    assert max(result.held_out.values()) < 50 + 4 * 100 * math.sqrt(0.25 / 100)


def test_learning_rate_is_the_best_on_the_held_out_part() -> None:
    # Two dimensions that differ by the class alone: their difference is found by many long steps only.
    noise, labels = torch.randn(300, generator=generator("common")), torch.arange(300) % 2
    split = Split(torch.stack([noise, noise + 0.2 * labels], dim=1), labels)
    result = linear(split, split, epochs=20, lrs=(1e-6, 1.0, 1e-5), held_out=0.3)
    assert list(result.held_out) == [1e-6, 1.0, 1e-5]
    assert result.held_out[1.0] > result.held_out[1e-5] + 20
    assert result.lr == 1.0


@pytest.mark.parametrize(("n", "held"), [(40, 4), (12, 3), (4, 2)])
def test_of_few_examples_one_a_class_is_held_out_if_that_leaves_half(
    n: int, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    fit = linear_module.fit_predict
    monkeypatch.setattr(
        linear_module,
        "fit_predict",
        lambda train, features, *rest: (sizes.append(len(features)), fit(train, features, *rest))[1],
    )
    split = Split(torch.randn(n, 5, generator=generator("few")), torch.arange(n) % 3)
    linear(split, TEST._replace(features=TEST.features[:, :5], labels=TEST.labels % 3), epochs=1)
    assert sizes[0] == held


def test_one_example_leaves_nothing_to_train_on() -> None:
    with pytest.raises(ValueError, match="held_out"):
        linear(Split(TRAIN.features[:1], torch.zeros(1).long()), TEST._replace(labels=0 * TEST.labels), epochs=1)


def test_test_split_does_not_choose() -> None:
    first = linear(TRAIN, TEST, epochs=5, held_out=0.3)
    other = Split(100 - 5 * TEST.features, TEST.labels.flip(0))
    second = linear(TRAIN, other, epochs=5, held_out=0.3)
    assert (second.lr, second.held_out) == (first.lr, first.held_out)
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


def test_learning_rates_do_not_touch_each_other() -> None:
    lrs = (0.01, 0.1, 1.0)
    together = fit_predict(TRAIN, TEST.features, 7, lrs, seed=0, epochs=10, batch_size=32)
    alone = torch.cat([fit_predict(TRAIN, TEST.features, 7, [r], seed=0, epochs=10, batch_size=32) for r in lrs])
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
        ({"held_out": 0.0}, "empty"),
        ({"held_out": 1.0}, "empty"),
        ({"held_out": -0.1}, "empty"),
        ({"lrs": ()}, "lrs"),
        ({"lrs": (0.1, 0.0)}, "lrs"),
        ({"epochs": 0}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
    ],
)
def test_settings_of_linear_out_of_range_are_errors(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        linear(TRAIN, TEST, **settings)  # type: ignore[arg-type]


def try_own_rates(rank: int, folder: str) -> None:
    """Logistic regression with five learning rates, then with two, in three processes."""
    dist.init_process_group("gloo", f"file://{folder}/store", rank=rank, world_size=3)
    fit, tried = linear_module.fit_predict, list[tuple[float, ...]]()

    def noted(train: Split, features: Tensor, classes: int, lrs: Sequence[float], *rest: int) -> Tensor:
        tried.append(tuple(lrs))
        return fit(train, features, classes, lrs, *rest)

    with unittest.mock.patch.object(linear_module, "fit_predict", noted):
        found = [linear(*DOUBLE, epochs=10, lrs=lrs, all_processes=True) for lrs in (FIVE, FIVE[:2])]
    torch.save(([(each.scores.top1, each.lr, each.held_out) for each in found], tried), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.long
def test_processes_share_the_learning_rates_and_find_what_one_does(tmp_path: Path) -> None:
    multiprocessing.spawn(try_own_rates, args=(str(tmp_path),), nprocs=3)
    alone = [linear(*DOUBLE, epochs=10, lrs=lrs) for lrs in (FIVE, FIVE[:2])]
    found, tried = zip(*(torch.load(tmp_path / f"{rank}.pt") for rank in range(3)), strict=True)
    assert list(found) == [[(each.scores.top1, each.lr, each.held_out) for each in alone]] * 3
    five, two = (alone[at].lr for at in range(2))
    assert tried[0] == [(FIVE[0], FIVE[3]), (five,), (FIVE[0],), (two,)]
    assert tried[1] == [(FIVE[1], FIVE[4]), (five,), (FIVE[1],), (two,)]
    assert tried[2] == [(FIVE[2],), (five,), (two,)]
