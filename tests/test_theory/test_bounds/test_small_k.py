"""The losses over few labels, and their optimum."""

import itertools
import math

import pytest
import torch

from contrastive_lab.theory.bounds.small_k import best_class_means, etf_cosine, etf_loss, subset_loss
from tests.class_features import features


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


def test_etf_loss_names_what_is_out_of_range() -> None:
    with pytest.raises(ValueError, match="classes=1"):
        etf_loss(1, 1, 0.5)
    with pytest.raises(ValueError, match="labels=6"):
        etf_loss(6, 5, 0.5)
