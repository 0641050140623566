"""The terms of batches: their definitions in loops, and the bounds where every batch of three is known."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from contrastive_lab.theory import bounds
from contrastive_lab.theory.bounds.batches import batch_terms
from contrastive_lab.theory.bounds.terms import Terms
from tests.class_features import features


def all_batches(z: Tensor, labels: list[int], tau: float) -> Terms:
    """Of all batches of three images with replacement, with every view as anchor and every view as key."""
    views = z.shape[1]
    items = torch.cartesian_prod(torch.arange(len(labels)), torch.arange(views), torch.arange(views))
    batches = torch.combinations(torch.arange(len(items)), 1)[:, 0]
    chosen = items[torch.cartesian_prod(batches, batches, batches)]  # (B, 3, image and two views)
    image, first, second = chosen.unbind(2)
    own_means, classes = z.mean(1), torch.tensor(labels)
    means = torch.stack([own_means[classes == c].mean(0) for c in range(max(labels) + 1)])
    return batch_terms(z[image, first], z[image, second], own_means[image], classes[image], means, tau)


def naive(z: Tensor, labels: list[int], tau: float) -> dict[str, float]:
    """The definitions, one anchor and one pair of negatives after the other."""
    images, views, C = range(len(labels)), range(z.shape[1]), max(labels) + 1
    own = z.mean(1)
    means = [torch.stack([own[i] for i in images if labels[i] == c]).mean(0) for c in range(C)]
    cosines = torch.einsum("ivd,jwd->ivjw", z, z).tolist()
    score = torch.einsum("ivd,cd->ivc", z, torch.stack(means)).tolist()
    to_own = torch.einsum("ivd,id->iv", z, own).tolist()
    sums, count = dict.fromkeys(Terms._fields, 0.0), 0
    for i, v, w in itertools.product(images, views, views):
        c = labels[i]
        for (j, a), (k, b) in itertools.product(itertools.product(images, views), repeat=2):
            weights = [math.exp(cosines[i][v][m][u] / tau) for m, u in ((i, w), (j, a), (k, b))]
            seen = {c, labels[j], labels[k]}
            loss = {S: math.log(sum(math.exp(score[i][v][q] / tau) for q in S)) - score[i][v][c] / tau
                    for S in (frozenset(seen), frozenset(range(C)))}  # fmt: skip
            clean, covered = c not in (labels[j], labels[k]), len(seen) == C
            sums["L_info"] += math.log(sum(weights)) - math.log(weights[0])
            sums["L_sup"] += loss[frozenset(range(C))]
            sums["sup" if covered else "sub"] += loss[frozenset(seen)]
            if clean:
                sums["clean_sup" if covered else "clean_sub"] += loss[frozenset(seen)]
            sums["collision"] += math.log(1 + [labels[j], labels[k]].count(c))
            sums["d"] += min(0.0, score[i][v][c] - to_own[i][v]) / tau
            for name, event in (("upsilon", covered), ("clean", clean), ("rho", clean and covered)):
                sums[name] += event
            count += 1
    return {name: value / count for name, value in sums.items()}


@pytest.mark.parametrize("labels", [[0, 0, 1, 2], [0, 1, 2, 0, 1, 2]])
def test_terms_are_their_definitions(labels: list[int]) -> None:
    z = features(0, labels, views=2, dim=3, noise=0.5)
    assert all_batches(z, labels, 0.5)._asdict() == pytest.approx(naive(z, labels, 0.5), rel=1e-9)


@pytest.mark.parametrize("noise", [0.1, 0.5, 3.0])
@pytest.mark.parametrize("tau", [0.1, 1.0])
@pytest.mark.parametrize("labels", [[0, 0, 1, 2], [0, 1, 2, 0, 1, 2]])
def test_no_bound_is_violated_where_all_batches_are_known(labels: list[int], tau: float, noise: float) -> None:
    for seed in range(3):
        terms = all_batches(features(seed, labels, views=2, dim=3, noise=noise), labels, tau)
        assert terms.L_info >= bounds.arora_lower(terms)
        assert terms.L_info >= bounds.coupon_lower(terms)
        assert bounds.arora_exact(terms) >= terms.clean_sup / terms.rho
        assert bounds.repo_half_sub(terms) >= bounds.coupon_exact(terms) >= terms.sup / terms.upsilon


def test_conditional_losses_are_the_supervised_loss_of_balanced_classes() -> None:
    terms = all_batches(features(1, [0, 1, 2, 0, 1, 2], views=2, dim=3, noise=1.0), [0, 1, 2, 0, 1, 2], 0.5)
    assert terms.sup / terms.upsilon == pytest.approx(terms.L_sup, rel=1e-12)
    assert terms.clean_sup / terms.rho == pytest.approx(terms.L_sup, rel=1e-12)


@pytest.mark.parametrize(
    ("C", "K", "covered"), [(5, 4, False), (5, 15, True), (10, 31, True), (20, 31, False), (20, 63, True)]
)
@pytest.mark.parametrize("noise", [0.2, 1.0])
def test_no_bound_is_violated_by_random_batches(C: int, K: int, covered: bool, noise: float) -> None:
    labels = list(range(C)) * 10
    z, classes = features(C + K, labels, views=16, dim=16, noise=noise), torch.tensor(labels)
    source = torch.Generator().manual_seed(1)
    image, first, second = (
        torch.randint(n, (300, K + 1), generator=source) for n in (len(labels), z.shape[1], z.shape[1])
    )
    own_means = z.mean(1)
    means = own_means.view(10, C, -1).mean(0)
    terms = batch_terms(z[image, first], z[image, second], own_means[image], classes[image], means, 0.5)
    assert terms.L_info >= max(bounds.arora_lower(terms), bounds.coupon_lower(terms))
    assert terms.d < -0.01
    assert (terms.upsilon > 0.1) is covered
    if covered:  # the share that is counted is near the true one
        assert bounds.coupon_exact(terms) >= terms.L_sup


def test_batches_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    z = features(0, [0, 0, 1, 2], views=2, dim=3, noise=0.5)
    whole = all_batches(z, [0, 0, 1, 2], 0.5)
    monkeypatch.setattr("contrastive_lab.theory.bounds.batches.CELLS", 9 * 1000)
    assert all_batches(z, [0, 0, 1, 2], 0.5) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize(
    ("shape", "labels", "classes", "tau", "message"),
    [
        ((2, 3, 4), torch.zeros(2, 4).long(), 3, 0.5, "N >= 2"),
        ((2, 1, 4), torch.zeros(2, 1).long(), 3, 0.5, "N >= 2"),
        ((2, 3, 5), torch.zeros(2, 3).long(), 3, 0.5, r"class_means \(C, 5\)"),
        ((2, 3, 4), torch.full((2, 3), 3), 3, 0.5, r"0\.\.2"),
        ((2, 3, 4), torch.zeros(2, 3).long(), 3, 0.0, "tau=0.0: must be above 0"),
    ],
)
def test_batches_are_checked(shape: tuple[int, ...], labels: Tensor, classes: int, tau: float, message: str) -> None:
    z = torch.ones(shape)
    with pytest.raises(ValueError, match=message):
        batch_terms(z, z, z, labels, torch.ones(classes, 4), tau)
