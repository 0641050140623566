"""What keys of a run's images keep, against limits, a loop, and margins."""

import math

import pytest
import torch
from torch.nn import functional as F

from contrastive_lab.evaluation.competition import AtHand, Kept, kept, keys_at_hand, lost
from contrastive_lab.objective import Objective


def made(n: int = 6, M: int = 12, D: int = 5) -> AtHand:
    source = torch.Generator().manual_seed(0)
    query, own, keys = (
        F.normalize(torch.randn(rows, D, generator=source, dtype=torch.float64), dim=1) for rows in (n, n, M)
    )
    return keys_at_hand(query, own, keys, torch.arange(n), torch.arange(n, n + M))


def test_all_keys_keep_everything_and_as_many_sets_as_there_are_no_noise() -> None:
    hand = made()
    every = kept(hand, Objective(), 0.2, None, 12)
    assert (every.competition, every.agreement, every.steadiness) == pytest.approx((1, 1, 1))
    assert kept(hand, Objective(), 0.2, 64.0, 12).steadiness == pytest.approx(1)
    assert kept(hand, Objective(), 0.2, 64.0, 3, sets=4).steadiness == pytest.approx(1)


def test_steadiness_is_agreement_over_that_of_the_mean_of_all_sets() -> None:
    hand, tau, alpha, K = made(), 0.3, 20.0, 4

    def push(i: int, columns: list[int]) -> torch.Tensor:
        v = torch.exp(hand.cos[i, columns] / tau)
        w = alpha * v.mean() / (alpha * v.mean() + torch.exp(hand.pos[i] / tau))
        total = w * (v / v.sum()) @ hand.keys[i, columns]
        return total - (total @ hand.query[i]) * hand.query[i]

    one, many = [], []
    for i in range(6):
        whole = push(i, list(range(12)))
        sets = [push(i, list(range(start, start + K))) for start in (0, 4, 8)]
        one.append(sum(float(F.cosine_similarity(part, whole, dim=0)) for part in sets) / 3)
        many.append(float(F.cosine_similarity(torch.stack(sets).mean(dim=0), whole, dim=0)))
    found = kept(hand, Objective(), tau, alpha, K)
    assert found.agreement == pytest.approx(sum(one) / 6)
    assert found.steadiness == pytest.approx(sum(one) / sum(many))


def test_more_keys_than_there_are_count_as_all_with_the_margin_of_so_many() -> None:
    hand = made()
    odds = 100 * torch.exp(hand.cos / 0.2).mean(dim=1) / torch.exp(hand.pos / 0.2)  # alpha = K = 100
    found = kept(hand, Objective(), 0.2, None, 100)
    assert found.factor == pytest.approx(float((odds / (1 + odds)).mean()))
    assert (found.competition, found.steadiness) == pytest.approx((1, 1))


def test_the_spectral_loss_loses_nothing_but_to_noise() -> None:
    hand, objective = made(), Objective("spectral", mu=5.0)
    few, all_keys = (kept(hand, objective, 1.0, None, K) for K in (1, 12))
    assert lost(all_keys, few)[:2] == pytest.approx((0, 0), abs=1e-9)
    assert 0 < lost(all_keys, few).noise <= 1


def test_what_is_lost_is_more_less_few_and_the_logarithm_of_the_factors() -> None:
    more, few = Kept(0.9, 0.8, 0.7, 20.0, 0.6), Kept(0.4, 0.2, 0.1, 20.0, 0.25)
    assert lost(more, few) == pytest.approx((math.log(4), 0.5, 0.35))


def test_a_loss_with_a_memory_is_refused() -> None:
    with pytest.raises(ValueError, match=r"remember=0.1: what keys keep is measured without"):
        kept(made(), Objective(remember=0.1, images=6, directions=2), 0.2, None, 4)
