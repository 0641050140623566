"""kNN and the mean classifier against their formulas written a second time, and what holds of every protocol."""

import importlib
import math
from collections.abc import Callable

import pytest
import torch
from torch.nn import functional as F

from contrastive_lab.evaluation.class_mean import class_mean
from contrastive_lab.evaluation.knn import knn
from contrastive_lab.evaluation.linear import LinearResult, linear
from contrastive_lab.evaluation.scores import Scores, Split, checked, topk
from tests.labelled import DOUBLE, TEST, TRAIN, part, rescaled

Protocol = Callable[[Split, Split], Scores | LinearResult]


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
