"""Negatives chosen by class: their shares, that every candidate is as likely, and what a batch must hold."""

from collections import Counter
from itertools import product

import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor

from contrastive_lab.errors import ConfigError
from contrastive_lab.negatives import from_bank, from_batch
from contrastive_lab.own_class import OwnClass, check_batches, own_class, own_of
from contrastive_lab.randomness import StepRandom

N, SETS, K = 24, 2, 4
CLASSES = torch.arange(N) % 3  # 8 images of each


def keys(share: float, step: int = 0, start: int = 0, count: int = N, views: int = 2, sets: int = SETS) -> Tensor:
    random = StepRandom(0, 0, step, N, start, count)
    return from_batch(random, K * sets, views, own=OwnClass(share, CLASSES, sets)).of()


def entries(share: float, ids: Tensor, step: int = 0, K: int = K) -> Tensor:
    random = StepRandom(0, 0, step, len(ids), 0, len(ids))
    return from_bank(random, ids, K * SETS, N, by_class=OwnClass(share, CLASSES, SETS))


def check_shares(chosen: Tensor, ids: Tensor, share: float) -> None:
    images = chosen % N  # keys lie view by view
    assert not (images == ids[:, None]).any()
    same = CLASSES[images] == CLASSES[ids, None]
    assert (same.view(len(ids), SETS, -1).sum(dim=2) == round(share * K)).all()


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_shares_are_exact_in_every_set_and_never_the_own_image(share: float) -> None:
    for step in range(20):
        chosen = keys(share, step)
        assert chosen.shape == (N, K * SETS)
        check_shares(chosen, torch.arange(N), share)
        assert all(len(set(row)) == K * SETS for row in chosen.tolist())
        ids = torch.randperm(N, generator=torch.Generator().manual_seed(step))[:10]
        check_shares(entries(share, ids, step), ids, share)


def test_all_of_a_class_can_be_asked_for() -> None:
    chosen = from_batch(StepRandom(0, 0, 0, N, 0, N), 14, 2, own=OwnClass(1.0, CLASSES)).of()
    for i, row in enumerate(chosen.tolist()):
        assert sorted(row) == [k for k in range(2 * N) if k % 3 == i % 3 and k % N != i]


def uniform(counts: Counter[int], candidates: set[int]) -> bool:
    """Whether every candidate was chosen, nothing else, and none more often than chance has it."""
    assert counts.keys() == candidates
    return bool(chisquare(list(counts.values())).pvalue > 1e-3)


@pytest.mark.parametrize("image", [0, 1, 11, N - 1])
def test_every_candidate_is_as_likely(image: int) -> None:
    """Query by query, for own and other classes apart; the numbers are fixed by the seed."""
    drawn, picked = Counter[int](), Counter[int]()
    ids = torch.full((2000,), image)
    for chosen in entries(0.5, ids, K=6).tolist():
        picked.update(chosen)
    for step in range(1500):
        drawn.update(keys(0.5, step)[image].tolist())
    for counts, views in ((drawn, 2), (picked, 1)):
        pool = [k for k in range(views * N) if k % N != image]
        for is_own in (True, False):
            candidates = {k for k in pool if (k % 3 == image % 3) is is_own}
            assert uniform(Counter({k: n for k, n in counts.items() if k in candidates}), candidates)
        assert counts.keys() <= set(pool)


def test_pairs_of_keys_are_as_likely_within_and_between_sets() -> None:
    """Of query 0 with one view: its own class has 7 others; two are drawn, one to each set."""
    counts = Counter(tuple(row[[0, 4]].tolist()) for row in (keys(0.25, step, views=1)[0] for step in range(4000)))
    own = list(range(3, N, 3))
    assert counts.keys() == {(a, b) for a, b in product(own, own) if a != b}
    assert chisquare(list(counts.values())).pvalue > 1e-3


@pytest.mark.parametrize("world", [2, 4])
def test_every_process_draws_its_rows_of_the_same_numbers(world: int) -> None:
    rows = N // world
    parts = [keys(0.5, start=rank * rows, count=rows) for rank in range(world)]
    assert torch.equal(torch.cat(parts), keys(0.5))
    ids = torch.randperm(N, generator=torch.Generator().manual_seed(0))
    own = OwnClass(0.5, CLASSES, SETS)
    whole = from_bank(StepRandom(0, 0, 0, N, 0, N), ids, K * SETS, N, by_class=own)
    slices = [StepRandom(0, 0, 0, N, rank * rows, rows) for rank in range(world)]
    assert torch.equal(torch.cat([from_bank(r, ids[r.rows], K * SETS, N, by_class=own) for r in slices]), whole)


def fits(labels: list[int], orders: list[list[int]], N: int, K: int, share: float, views: int, sets: int) -> bool:
    """By counting the candidates of every query of every batch."""
    own, rest = own_of(K, share) * sets, (K - own_of(K, share)) * sets
    for order in orders:
        for first in range(0, len(order) - N + 1, N):
            batch = order[first : first + N]
            for query in batch:
                same = sum(labels[other] == labels[query] for other in batch if other != query)
                if views * same < own or views * (N - 1 - same) < rest:
                    return False
    return True


@pytest.mark.parametrize(("share", "views", "sets"), [*product((0.0, 0.5, 1.0), (1, 2), (1, 2))])
def test_batches_that_cannot_fill_K_are_found(share: float, views: int, sets: int) -> None:
    source = torch.Generator().manual_seed(0)
    found = []
    for N, K in product((6, 10, 15), (1, 2, 3, 5)):
        labels = torch.randint(3, (32,), generator=source)
        orders = [torch.randperm(32, generator=source) for _ in range(2)]
        found.append(fits(labels.tolist(), [order.tolist() for order in orders], N, K, share, views, sets))
        if found[-1]:
            check_batches(labels, orders, N, K, share, views, sets)
            continue
        with pytest.raises(ConfigError) as caught:
            check_batches(labels, orders, N, K, share, views, sets)
        (line,) = caught.value.problems
        assert line.startswith(f"own_class_share={share:g}: a query needs ") and f"among {N} images" in line
        assert line.endswith("; lower K or raise batch_size")
    assert not all(found)


def test_a_bank_needs_one_entry_of_each_kind_asked_for() -> None:
    labels, order = torch.tensor([0, 0, 0, 1]), [torch.arange(4)]
    check_batches(labels, order, 4, 64, 0.0, repeated=True)
    with pytest.raises(ConfigError, match=r"needs 32 negatives of its own class, and among 4 images one has 0"):
        check_batches(labels, order, 4, 64, 0.5, repeated=True)
    check_batches(torch.tensor([0, 0, 1, 1]), order, 4, 64, 0.5, repeated=True)
    with pytest.raises(ConfigError, match=r"needs 64 negatives of other classes, and among 4 images one has 0"):
        check_batches(torch.zeros(4, dtype=torch.long), order, 4, 64, 0.0, repeated=True)


@pytest.mark.parametrize(
    ("K", "share", "own"),
    [(1, 0.5, 1), (3, 0.5, 2), (5, 0.5, 3), (1, 0.49, 0), (16, 0.1, 2), (16, 0.0, 0), (7, 1.0, 7)],
)
def test_a_share_of_K_is_rounded_half_up(K: int, share: float, own: int) -> None:
    assert own_of(K, share) == own


def test_without_a_share_there_is_no_oracle_and_without_labels_an_error() -> None:
    assert own_class(None, None) is None
    assert own_class(0.5, CLASSES, torch.tensor([2, 1]), 3).classes.tolist() == [2, 1]
    with pytest.raises(ConfigError, match=r"^own_class_share=0.5: needs labels of the images to learn from"):
        own_class(0.5, None)
