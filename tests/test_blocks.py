"""Losses in blocks of rows against the same loss on all cosines at once, in float64."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from contrastive_lab.blocks import by_rows, values_of_rows
from contrastive_lab.losses import info_nce, supcon
from contrastive_lab.negatives import from_batch
from contrastive_lab.objective import Objective
from contrastive_lab.pairs import Chosen, Pairs, Part, row_cosines
from contrastive_lab.randomness import StepRandom

N, D, M, TAU = 17, 6, 40, 0.1


def unit(rows: int, seed: int) -> Tensor:
    source = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(rows, D, dtype=torch.float64, generator=source), dim=1)


def of_batch(K: int | None, views: int, per: str) -> Chosen:
    return from_batch(StepRandom(0, 0, 0, N, 0, N), K, views, per)  # type: ignore[arg-type]


KINDS: dict[str, Callable[[], Chosen | None]] = {
    "a queue": lambda: None,
    "all other images": lambda: of_batch(None, 2, "query"),
    "the same for a batch": lambda: of_batch(5, 2, "batch"),
    "each query's own": lambda: of_batch(8, 2, "query"),
}
LOSSES = [
    ("info_nce", {}, None),
    ("info_nce", {}, 64.0),
    ("info_nce", {}, float("inf")),
    ("info_nce", {"remember": 0.5, "images": N, "directions": 1}, float("inf")),
    ("spectral", {"mu": 5.0}, None),
    ("hard", {"tau_plus": 0.1, "beta": 0.7}, 64.0),
    ("dual_temperature", {"second_tau": 1.0}, 9.0),
]


@pytest.mark.parametrize("keys_learn", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "settings", "alpha"), LOSSES, ids=str)
def test_values_and_gradients_are_those_of_all_cosines_at_once(
    name: str, settings: dict[str, float], alpha: float | None, kind: str, keys_learn: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    chosen = KINDS[kind]()
    weights, found = torch.rand(N, dtype=torch.float64, generator=torch.Generator().manual_seed(3)), []
    for block in (10**9, 3 * 2 * N):
        monkeypatch.setattr("contrastive_lab.pairs.BLOCK", block)
        query, key, keys = unit(N, 0).requires_grad_(), unit(N, 1), unit(2 * N, 2).requires_grad_(keys_learn)
        part = Part(query, row_cosines(query, key), torch.arange(N), keys, torch.arange(2 * N), chosen, query)
        values = Objective(name, **settings).double().losses(Pairs([part]), TAU, alpha)  # type: ignore[arg-type]
        inputs = [query, keys] if keys_learn else [query]
        found.append([values.detach(), *torch.autograd.grad((weights * values).sum(), inputs)])
    torch.testing.assert_close(found[0], found[1], rtol=1e-12, atol=1e-14)


def test_several_views_keep_their_keys_and_the_numbers_of_their_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contrastive_lab.pairs.BLOCK", 4 * M)
    query = [unit(N, seed) for seed in (0, 1)]
    parts = [Part(q, q[:, 0], torch.arange(N), unit(M, 5 + i), torch.arange(M), None, q) for i, q in enumerate(query)]
    seen: list[int] = []

    def loss(pos: Tensor, neg: Tensor, rows: slice) -> Tensor:
        seen.extend(range(rows.start, rows.stop))
        assert len(pos) == len(neg) == rows.stop - rows.start <= 4
        return info_nce(pos, neg, TAU, reduction="none")

    found = by_rows(Pairs(parts), loss)
    assert seen == [*range(2 * N)]
    expected = [info_nce(part.pos, part.query @ part.keys.T, TAU, reduction="none") for part in parts]
    torch.testing.assert_close(found, torch.cat(expected), rtol=1e-12, atol=0)


def test_supcon_in_blocks_with_keys_that_learn_too(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, own, found = torch.arange(N) % 3, torch.arange(N), []
    positives = (labels[:, None] == labels) & ~torch.eye(N, dtype=torch.bool)
    for block in (10**9, 4 * N):
        monkeypatch.setattr("contrastive_lab.pairs.BLOCK", block)
        views = unit(N, 0).requires_grad_()
        values = values_of_rows(
            torch.zeros(N), views, views, None, lambda _, cos, rows: supcon(cos, positives[rows], own[rows], TAU)
        )
        found.append([values.detach(), *torch.autograd.grad(values.mean(), views)])
    torch.testing.assert_close(found[0], found[1], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("keys_learn", [False, True])
def test_a_gradient_may_be_taken_twice_as_diagnostics_do(keys_learn: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contrastive_lab.pairs.BLOCK", 4 * M)
    query, keys = unit(N, 0).requires_grad_(), unit(M, 1).requires_grad_(keys_learn)
    values = values_of_rows(query[:, 0], query, keys, None, lambda pos, neg, _: info_nce(pos, neg, TAU, None, "none"))
    first = torch.autograd.grad(values.sum(), query, retain_graph=True)
    second = torch.autograd.grad(values.sum(), query)
    assert torch.equal(first[0], second[0])
    with torch.no_grad():
        again = values_of_rows(query[:, 0], query, keys, None, lambda p, n, _: info_nce(p, n, TAU, None, "none"))
    assert torch.equal(again, values)
