"""What collisions cost."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from contrastive_lab.theory.bounds.collision import collision_bound
from tests.class_features import features


def test_collision_bound_of_collapsed_classes_is_zero() -> None:
    labels = torch.arange(12) % 3
    z = F.one_hot(labels, 4).double()
    assert collision_bound(z, z, labels) == 0


def test_collision_bound_of_equal_views_of_orthogonal_images_is_one() -> None:
    assert collision_bound(torch.eye(12), torch.eye(12), torch.arange(12) % 3) == pytest.approx(1)


def test_collision_bound_of_random_unit_features_is_one_on_average() -> None:
    z = F.normalize(torch.randn(400, 64, generator=torch.Generator().manual_seed(0)), dim=1)
    # The mean of 1 - cosine over 2 * 200 * 199 / 2 pairs; a cosine has standard deviation 1 / 8.
    assert collision_bound(z, z, torch.arange(400) % 2) == pytest.approx(1, abs=4 / 8 / math.sqrt(200 * 199))


def test_collision_bound_is_its_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contrastive_lab.theory.bounds.collision.ROWS", 2)
    z = features(0, [0] * 5 + [1] * 3, views=2, dim=3, noise=1.0)
    total = 0.0
    for j in range(8):
        others = [i for i in (range(5) if j < 5 else range(5, 8)) if i != j]
        total += sum(abs(float(z[j, 1] @ (z[i, 0] - z[j, 0]))) for i in others) / len(others)
    labels = torch.tensor([0] * 5 + [1] * 3)
    assert collision_bound(z[:, 0], z[:, 1], labels) == pytest.approx(total / 8)


@pytest.mark.parametrize(
    ("n", "labels", "message"),
    [(3, torch.zeros(2), "labels"), (0, torch.zeros(0), "labels"), (3, torch.tensor([0, 0, 4]), "class 4 has one")],
)
def test_collision_bound_names_what_is_out_of_range(n: int, labels: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        collision_bound(torch.ones(n, 2), torch.ones(n, 2), labels)
