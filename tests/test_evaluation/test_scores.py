"""Top-1 and top-5: ranks by hand, and ties as the mean over orders."""

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from contrastive_lab.evaluation.class_mean import class_mean
from contrastive_lab.evaluation.knn import knn
from contrastive_lab.evaluation.linear import LinearResult, linear
from contrastive_lab.evaluation.scores import Scores, Split, checked, topk
from contrastive_lab.randomness import generator
from tests.labelled_features import DOUBLE, TEST, TRAIN


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


Protocol = Callable[[Split, Split], Scores | LinearResult]


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
