"""What K negatives keep of the repulsion of all keys, against loops, enumeration, closed forms and limits."""

import math
from collections.abc import Callable
from functools import partial
from itertools import combinations
from statistics import fmean

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from contrastive_lab.competition import KEYS, QUERIES, Causes, Loss, at_hand, causes
from contrastive_lab.losses import debiased, dual_temperature, hard, info_nce
from tests.paper_losses import TAU, coupling, debiased_ws, shares


def unit(*shape: int, seed: int = 0) -> Tensor:
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=-1)


def made(n: int, M: int, D: int = 6) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Queries, cosines with their own keys, cosines with other keys and these keys."""
    query, keys = unit(n, D), unit(n, M, D, seed=1)
    return query, (query * unit(n, D, seed=2)).sum(dim=1), torch.einsum("nd,nmd->nm", query, keys), keys


def nce(tau: float, alpha: float | None) -> Loss:
    return partial(info_nce, tau=tau, alpha=alpha, reduction="none")


def by_hand(pos: float, cos: list[float], tau: float, alpha: float) -> tuple[float, float]:
    """w and sum_k s_k cos_k of one set, from the formulas of docs/losses.md."""
    v = [math.exp(c / tau) for c in cos]
    w = 1.0 if alpha == math.inf else 1 - 1 / (1 + alpha * sum(v) / len(v) / math.exp(pos / tau))
    return w, sum(a * c for a, c in zip(v, cos, strict=True)) / sum(v)


@pytest.mark.parametrize("alpha", [None, 3.0, math.inf])
def test_competition_is_that_of_all_sets_of_two_keys(alpha: float | None) -> None:
    """Enumeration: four keys have three pairings, and each query comes once with each."""
    query, pos, cos, keys = made(5, 4)
    orders = [[0, 1, 2, 3], [0, 2, 1, 3], [0, 3, 1, 2]]
    every = torch.cat([cos[:, order] for order in orders]), torch.cat([keys[:, order] for order in orders])
    found = causes(query.repeat(3, 1), pos.repeat(3), *every, 2, 0.3, nce(0.3, alpha))
    sets = [
        by_hand(float(p), [float(c) for c in pair], 0.3, alpha or 2)
        for p, row in zip(pos, cos, strict=True)
        for pair in combinations(row, 2)
    ]
    full = [by_hand(float(p), row.tolist(), 0.3, alpha or 4) for p, row in zip(pos, cos, strict=True)]
    few, many = (sum(w * along for w, along in each) / sum(w for w, _ in each) for each in (sets, full))
    mean = float(cos.mean())
    assert float(found.competition) == pytest.approx((few - mean) / (many - mean), rel=1e-9)
    assert float(found.factor) == pytest.approx(sum(w for w, _ in sets) / len(sets), rel=1e-9)


@pytest.mark.parametrize(
    ("loss", "formula"),
    [
        (partial(debiased, tau=TAU, tau_plus=0.1, alpha=9.0), lambda p, row: debiased_ws(p, row, 9.0, 0.0)),
        (partial(hard, tau=TAU, tau_plus=0.1, beta=0.7, alpha=64.0), lambda p, row: debiased_ws(p, row, 64.0, 0.7)),
        (
            partial(dual_temperature, tau=TAU, second_tau=2.0),
            lambda p, row: (coupling(p, row, 2.0), coupling(p, row, 2.0), shares(row, 1 / TAU)),
        ),
    ],
    ids=["debiased", "hard", "dual_temperature"],
)
def test_causes_of_other_losses_are_those_of_their_w_and_s(
    loss: Loss, formula: Callable[[float, list[float]], tuple[float, float, list[float]]]
) -> None:
    """Loops over sets of three of six keys; tests/test_losses has w and s against autograd at the query."""
    query, pos, cos, keys = made(8, 6)
    push, strength, pull, agreement = {3: [], 6: []}, {3: [], 6: []}, [], []
    for i, (p, row) in enumerate(zip(pos.tolist(), cos.tolist(), strict=True)):
        across = {}
        for size in (3, 6):
            for start in range(0, 6, size):
                ws, w, s = formula(p, part := row[start : start + size])
                strength[size].append(ws * sum(s))
                push[size].append(ws * sum(a * c for a, c in zip(s, part, strict=True)))
                along = ws * torch.einsum("k,kd->d", torch.tensor(s).double(), keys[i, start : start + size])
                across[size, start] = along - (along @ query[i]) * query[i]
                pull += [w] if size == 3 else []
        agreement += [float(F.cosine_similarity(across[3, start], across[6, 0], dim=0)) for start in (0, 3)]
    few, many = (sum(push[size]) / sum(strength[size]) - float(cos.mean()) for size in (3, 6))
    found = causes(query, pos, cos, keys, 3, TAU, loss)
    assert float(found.competition) == pytest.approx(few / many, rel=1e-6)
    assert float(found.factor) == pytest.approx(fmean(pull), rel=1e-6)
    assert float(found.agreement) == pytest.approx(fmean(agreement), rel=1e-6)


@pytest.mark.parametrize(("alpha", "tau"), [(None, 0.1), (256.0, 0.5), (math.inf, 0.2)])
def test_all_keys_keep_everything(alpha: float | None, tau: float) -> None:
    found = causes(*made(7, 12), 12, tau, nce(tau, alpha))
    assert float(found.competition) == pytest.approx(1, abs=1e-12)
    assert float(found.agreement) == pytest.approx(1, abs=1e-12)


def test_one_negative_at_a_factor_of_one_has_no_competition() -> None:
    found = causes(*made(7, 12), 1, 0.1, nce(0.1, math.inf))
    assert float(found.competition) == pytest.approx(0, abs=1e-12)
    assert float(found.factor) == 1
    assert float(causes(*made(7, 12), 1, 0.1, nce(0.1, None)).competition) > 0.1  # through the factor


@pytest.mark.parametrize("K", [2, 8, 64])
def test_competition_of_gaussian_cosines_is_one_less_the_sum_of_squared_shares(K: int) -> None:
    """Stein: E sum_k s_k c_k - m = (variance / tau) (1 - E sum_k s_k^2) for K independent normal cosines at w = 1."""
    source = torch.Generator().manual_seed(0)
    cos = 0.1 + 0.08 * torch.randn(2000, 512, generator=source, dtype=torch.float64)
    query, keys = unit(2000, 3), torch.zeros(2000, 512, 3, dtype=torch.float64)  # the cosines alone count here
    found = causes(query, torch.full((2000,), 0.5).double(), cos, keys, K, 0.1, nce(0.1, math.inf))
    left = [1 - torch.softmax(cos.view(-1, size) / 0.1, dim=1).square().sum(dim=1).mean() for size in (K, 512)]
    assert float(found.competition) == pytest.approx(float(left[0] / left[1]), rel=0.02)
    assert float(found.dispersion) == pytest.approx(math.exp(0.8**2), rel=0.05)  # log-normal


@pytest.mark.parametrize("sets", [1, 3])
def test_agreement_is_the_cosine_of_the_parts_across_the_query(sets: int) -> None:
    query, pos, cos, keys = made(4, 6)
    tau, alpha, found = 0.2, 5.0, []

    def push(i: int, columns: range) -> Tensor:
        w, _ = by_hand(float(pos[i]), cos[i, columns].tolist(), tau, alpha)
        v = torch.exp(cos[i, columns] / tau)
        along = w * (v[:, None] * keys[i, columns]).sum(dim=0) / v.sum()
        return along - (along @ query[i]) * query[i]

    for i in range(4):
        drawn = [push(i, range(start, start + 2)) for start in (0, 2, 4)]
        means = [torch.stack(drawn).mean(dim=0)] if sets == 3 else drawn
        found.append(sum(float(F.cosine_similarity(each, push(i, range(6)), dim=0)) for each in means) / len(means))
    wanted = causes(query, pos, cos, keys, 2, tau, nce(tau, alpha), sets).agreement
    assert sum(found) / 4 == pytest.approx(float(wanted), rel=1e-9)


def test_mixed_precision_changes_no_cause() -> None:
    query, pos, cos, keys = (x.float() for x in made(4, 6))
    expected = causes(query, pos, cos, keys, 2, 0.2, nce(0.2, 5.0))
    with torch.autocast("cpu", torch.bfloat16):
        assert causes(query, pos, cos, keys, 2, 0.2, nce(0.2, 5.0)) == expected


def test_keys_at_hand_are_of_other_images() -> None:
    query, keys = unit(6, 4), unit(10, 4, seed=1)
    ids, key_ids = torch.tensor([0, 1, 2, 3, 4, 5]), torch.tensor([0, 1, 2, 3, 4, 5, 0, 7, 8, 9])
    rows, cos, taken = at_hand(query, ids, keys, key_ids)
    assert rows.tolist() == [0, 1, 2, 3, 4, 5]
    assert cos.shape == (6, 8)  # image 0 has two keys, so all leave two out
    for row, some, id_ in zip(cos, taken, ids, strict=True):
        where = [int((keys - key).square().sum(dim=1).argmin()) for key in some]
        assert len(set(where)) == 8
        assert id_ not in key_ids[where]
        torch.testing.assert_close(row, keys[where] @ query[int(id_)])


def test_not_more_queries_and_keys_than_needed_are_looked_at() -> None:
    query, keys = unit(600, 4), unit(3000, 4, seed=1)
    rows, cos, taken = at_hand(query, torch.arange(600), keys, torch.arange(3000))
    assert (len(rows), cos.shape, taken.shape) == (QUERIES, (QUERIES, KEYS), (QUERIES, KEYS, 4))
    assert isinstance(causes(query[rows], cos[:, 0], cos, taken, 16, 0.1, nce(0.1, None)), Causes)
