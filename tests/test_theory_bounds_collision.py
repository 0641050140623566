"""What collisions cost, and the losses over few labels."""

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from contrastive_lab.losses import info_nce
from contrastive_lab.theory.bounds.collision import collided_bound, collision_bound
from contrastive_lab.theory.bounds.small_k import best_class_means, etf_cosine, etf_loss, subset_loss
from tests.test_theory_bounds_batches import features

# collisions


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
    assert collision_bound(z[:, 0], z[:, 1], labels, tau=0.2) == pytest.approx(total / 8 / 0.2)


def test_collided_loss_is_below_its_bound() -> None:
    source = torch.Generator().manual_seed(0)
    for Col in (1, 5, 50):
        pos, neg = 2 * torch.rand(200, generator=source) - 1, 2 * torch.rand(200, Col, generator=source) - 1
        losses = info_nce(pos, neg, 0.3, reduction="none")
        assert (losses <= collided_bound(pos, neg, 0.3) + 1e-5).all()
        same = torch.full((1, Col), 0.4)
        expected = torch.full((1,), math.log(1 + Col))
        torch.testing.assert_close(info_nce(same[:, 0], same, 0.3, reduction="none"), expected)
        torch.testing.assert_close(collided_bound(same[:, 0], same, 0.3), expected)


@pytest.mark.parametrize(
    ("n", "labels", "message"),
    [(3, torch.zeros(2), "labels"), (0, torch.zeros(0), "labels"), (3, torch.tensor([0, 0, 4]), "class 4 has one")],
)
def test_collision_bound_refuses(n: int, labels: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        collision_bound(torch.ones(n, 2), torch.ones(n, 2), labels)


# small K


def check_optimum(C: int, m: int, steps: int, lr: float) -> None:
    """Class means on a regular simplex, of cosine -1 / (C - 1): the loss over k labels is ln(1 + (k - 1) e^(...))."""
    L_sub, L_sup = (math.log1p((k - 1) * math.exp(-C / (C - 1) / 0.5)) for k in (m, C))
    means = best_class_means(C, 8, m, steps=steps, lr=lr)
    off_diagonal = (means @ means.T)[~torch.eye(C, dtype=torch.bool)]
    assert float(subset_loss(means, m, 0.5)) == pytest.approx(L_sub, abs=1e-4)
    assert float(subset_loss(means, C, 0.5)) == pytest.approx(L_sup, abs=1e-4)
    assert off_diagonal.tolist() == pytest.approx([etf_cosine(C)] * (C * (C - 1)), abs=5e-3)
    assert etf_loss(m, C, 0.5) == pytest.approx(L_sub, abs=1e-6)
    assert etf_loss(C, C, 0.5) == pytest.approx(L_sup, abs=1e-6)


def test_losses_over_pairs_of_labels_have_the_optimum_of_the_whole() -> None:
    check_optimum(5, 2, steps=150, lr=0.1)


@pytest.mark.long
@pytest.mark.parametrize(("C", "m"), [(5, 3), (5, 5), (8, 2)])
def test_losses_over_few_labels_have_the_optimum_of_the_whole(C: int, m: int) -> None:
    check_optimum(C, m, steps=1500, lr=0.02)


def test_subset_loss_is_its_formula() -> None:
    means = features(0, [0, 1, 2, 3], views=1, dim=3, noise=1.0)[:, 0]
    losses = []
    for members in itertools.combinations(range(4), 3):
        for c in members:
            weights = [math.exp(float(means[c] @ means[j]) / 0.5) for j in members]
            losses.append(math.log(sum(weights)) - float(means[c] @ means[c]) / 0.5)
    assert float(subset_loss(means, 3, 0.5)) == pytest.approx(sum(losses) / 12)


@pytest.mark.parametrize("labels", [1, 6])
def test_subsets_are_of_two_labels_or_more(labels: int) -> None:
    with pytest.raises(ValueError, match=rf"labels={labels}: must lie in 2\.\.5"):
        best_class_means(5, 8, labels)


def test_etf_loss_refuses() -> None:
    with pytest.raises(ValueError, match="classes=1"):
        etf_loss(1, 1, 0.5)
    with pytest.raises(ValueError, match="labels=6"):
        etf_loss(6, 5, 0.5)
