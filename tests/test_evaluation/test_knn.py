"""kNN against its formula written a second time."""

import importlib
import math

import pytest
import torch
from torch.nn import functional as F

from contrastive_lab.evaluation.knn import knn
from contrastive_lab.evaluation.scores import Scores, Split, topk
from tests.labelled_features import TEST, TRAIN, part


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
def test_settings_of_knn_out_of_range_are_errors(k: int, temperature: float) -> None:
    with pytest.raises(ValueError, match="k >= 1 and temperature > 0"):
        knn(TRAIN, TEST, k, temperature)
