"""The terms of the bounds measured on encoders whose features are known beforehand."""

import itertools
import math
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from contrastive_lab.augment import Color, Crop, Recipe
from contrastive_lab.dataset import Arrays, Splits, ViewsDataModule
from contrastive_lab.dataset.split import Split
from contrastive_lab.encoder import Encoder
from contrastive_lab.evaluation.bounds import label_probabilities, measure
from contrastive_lab.evaluation.features import view_pairs
from contrastive_lab.theory.bounds.batches import batch_terms
from contrastive_lab.theory.bounds.collapsed import collapsed_terms
from contrastive_lab.theory.coupon.collision import expected_log_collisions_without_replacement
from tests.small_encoders import pixel_encoder

RECIPE = Recipe(8, [0.5], [0.25], Crop(), flip=0.5, color=Color(p=0.0), gray=0.0, blur=0.0)


class Brightness(nn.Module):
    """Backbone: the rank of an image's grey level among C levels, as a vertex of a regular simplex."""

    num_features = 5

    def __init__(self) -> None:
        super().__init__()
        self.offset = nn.Parameter(torch.zeros(()))  # an encoder has parameters

    def forward(self, images: Tensor) -> Tensor:
        level = ((images[:, 0, 0, 0] * 0.25 + 0.5) * 5).floor().long()
        return F.one_hot(level, 5) - 0.2 + self.offset


def grey(n: int) -> Arrays:
    """Images of one grey level each, which is their class of five."""
    labels = np.arange(n, dtype=np.int64) % 5
    return Arrays(
        np.broadcast_to((labels * 51 + 25).astype(np.uint8)[:, None, None, None], (n, 8, 8, 1)).copy(), labels
    )


def grey_data(train: int = 40, test: int = 100) -> ViewsDataModule:
    return ViewsDataModule(Splits(grey(train), grey(train), grey(test)), RECIPE, 20)


def test_collapsed_features_give_the_closed_form() -> None:
    corners = F.normalize(torch.eye(5, dtype=torch.float64) - 0.2, dim=1)
    labels = torch.randint(5, (20, 400, 8), generator=torch.Generator().manual_seed(0))
    parts = [batch_terms(corners[own], corners[own], corners[own], own, corners, 0.5) for own in labels]
    means, exact = np.array(parts), collapsed_terms(draws=8, classes=5)
    error = means.std(axis=0, ddof=1) / math.sqrt(len(parts))
    assert (abs(means.mean(axis=0) - np.array(exact)) <= 4 * error + 1e-12).all()
    assert 0 < error.max() < 0.01


def test_measured_terms_of_collapsed_views() -> None:
    encoder = Encoder(Brightness(), nn.Identity())
    (terms,), facts = measure(encoder, grey_data(), [6], tau=0.5, views=2, passes=30)
    exact = collapsed_terms(draws=6, classes=5)
    assert terms.d == pytest.approx(0, abs=1e-6)
    assert terms.L_sup == pytest.approx(exact.L_sup, abs=1e-5)
    assert facts == {"mean_top1": 100, "collision_bound": pytest.approx(0, abs=1e-6)}
    # 30 passes of 16 batches: the standard deviation of ln(Col + 1) is below 0.5, and anchors of a batch depend on
    # each other, so count batches alone: 4 * 0.5 / sqrt(480).
    collisions = expected_log_collisions_without_replacement(5, [20] * 5)
    assert terms.collision == pytest.approx(collisions, abs=4 * 0.5 / math.sqrt(480))
    e = math.exp((-1 / 4 - 1) / 0.5)
    chances = [math.comb(19, m) * math.comb(80, 5 - m) / math.comb(99, 5) for m in range(6)]
    L_info = sum(p * math.log(1 + m + (5 - m) * e) for m, p in enumerate(chances))
    assert terms.L_info == pytest.approx(L_info, abs=4 * 0.5 / math.sqrt(480))
    assert encoder.training


def test_measuring_depends_on_the_seed_alone(splits: Splits) -> None:
    data, encoder = ViewsDataModule(splits, replace(RECIPE, size=12), 20), pixel_encoder()
    first, again, other = (measure(encoder, data, [4, 30], 0.5, views=2, passes=1, seed=s) for s in (0, 0, 1))
    assert first == again
    assert first != other
    assert len(first[0]) == 2
    assert first[0][1].upsilon == 1  # all test images in one batch


@pytest.mark.parametrize("counts", [[2, 2, 2], [1, 2, 3]])
@pytest.mark.parametrize("draws", [2, 3, 4, 6])
def test_label_probabilities_are_those_of_all_orders(counts: list[int], draws: int) -> None:
    labels = [c for c, count in enumerate(counts) for _ in range(count)]
    orders = list(itertools.permutations(range(6), draws))
    covered = clean = both = 0
    for order in orders:
        anchor, *others = (labels[i] for i in order)
        covered += {anchor, *others} == {0, 1, 2}
        clean += anchor not in others
        both += anchor not in others and {anchor, *others} == {0, 1, 2}
    expected = {"upsilon": covered, "clean": clean, "rho": both}
    found = label_probabilities(draws, counts)
    assert found == pytest.approx({name: hits / len(orders) for name, hits in expected.items()}, rel=1e-9)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"draws": [101]}, r"draws=101: must lie in 2\.\.100, the number of test images"),
        ({"draws": [5, 1]}, "draws=1"),
        ({"views": 3}, "views=3"),
    ],
)
def test_settings_of_measuring_out_of_range_are_errors(changed: dict[str, object], message: str) -> None:
    settings = {"draws": [5], "tau": 0.5, "views": 2, "passes": 1, **changed}
    with pytest.raises(ValueError, match=message):
        measure(Encoder(Brightness(), nn.Identity()), grey_data(), **settings)  # type: ignore[arg-type]


def test_measuring_needs_every_class() -> None:
    data = grey_data(test=4)
    with pytest.raises(ValueError, match="test images of each of the 5 classes"):
        measure(Encoder(Brightness(), nn.Identity()), data, [3], 0.5, views=2, passes=1)
    unlabelled = ViewsDataModule(Splits(grey(40), None, None), RECIPE, 20)
    with pytest.raises(ValueError, match="no labelled test images"):
        measure(Encoder(Brightness(), nn.Identity()), unlabelled, [3], 0.5, views=2, passes=1)


def test_the_terms_are_those_of_a_naive_loop_over_three_sets_of_views(splits: Splits) -> None:
    """mu(x) is of other views than the anchor, else d(f) were too small; the collision bound compares two views."""
    data, encoder, tau = ViewsDataModule(splits, replace(RECIPE, size=12), 20), pixel_encoder(), 0.5
    (terms,), facts = measure(encoder, data, [30], tau, views=4, passes=1, seed=3)  # all 30 test images in one batch

    def views(split: Split | None, purpose: str, pairs: int) -> Tensor:
        assert split is not None
        return torch.cat(list(islice(view_pairs(encoder, split, data, 3, purpose), pairs))).double()

    train, own, (anchors, keys) = (
        views(splits.train, "train", 2),
        views(splits.test, "mean", 2),
        views(splits.test, "batches", 1),
    )
    labels, test = (
        torch.as_tensor(split.labels).tolist() for split in (splits.train, splits.test) if split is not None
    )
    centres = [
        torch.stack([train[v, i] for v in range(4) for i in range(120) if labels[i] == c]).mean(0) for c in range(3)
    ]
    L_info = d = 0.0
    for i, c in enumerate(test):
        cosines = [float(anchors[i] @ keys[j]) / tau for j in range(30)]
        L_info += math.log(sum(map(math.exp, cosines))) - cosines[i]
        d += min(0.0, float(anchors[i] @ (centres[c] - own[:, i].mean(0))) / tau)
    assert (terms.L_info, terms.d) == pytest.approx((L_info / 30, d / 30), rel=1e-5)
    first, second = train[0], train[1]
    gaps = [
        sum(abs(float(second[j] @ (first[i] - first[j]))) for i in range(120) if labels[i] == labels[j] and i != j) / 39
        for j in range(120)
    ]
    assert facts["collision_bound"] == pytest.approx(sum(gaps) / 120, rel=1e-5)
