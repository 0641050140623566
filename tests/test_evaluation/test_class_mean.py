"""The mean classifier against its formula written a second time."""

import math
from collections.abc import Callable

import pytest
import torch

from contrastive_lab.evaluation.class_mean import class_mean
from contrastive_lab.evaluation.knn import knn
from contrastive_lab.evaluation.scores import Scores, Split, topk
from tests.labelled_features import TEST, TRAIN, part, rescaled


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
def test_length_of_features_does_not_matter(protocol: Callable[[Split, Split], Scores]) -> None:
    assert protocol(rescaled(TRAIN), rescaled(TEST)) == pytest.approx(protocol(TRAIN, TEST))
