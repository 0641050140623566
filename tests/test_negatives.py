from collections import deque
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import hypergeom, power_divergence
from torch import Tensor

from contrastive_lab.negatives import Bank, Queue, from_bank, from_batch
from contrastive_lab.randomness import StepRandom


def step_random(size: int = 12, start: int = 0, count: int | None = None, step: int = 0) -> StepRandom:
    return StepRandom(seed=3, epoch=1, step=step, size=size, start=start, count=size if count is None else count)


def drawn(*args: Any, **settings: Any) -> Tensor:
    return from_batch(*args, **settings).of()


@pytest.mark.parametrize("views", [1, 2])
@pytest.mark.parametrize("share", ["query", "batch"])
@pytest.mark.parametrize("K", [1, 5, 11, None])
def test_negatives_are_distinct_keys_of_other_images(views: int, share: str, K: int | None) -> None:
    chosen = drawn(step_random(), K, views, share)
    assert chosen.shape == (12, views * 11 if K is None else K)
    for own, row in enumerate(chosen.tolist()):
        assert len(set(row)) == len(row)
        assert all(0 <= key < 12 * views and key % 12 != own for key in row)


@pytest.mark.parametrize("views", [1, 2])
def test_the_whole_pool_is_every_other_key(views: int) -> None:
    for own, row in enumerate(drawn(step_random(), None, views).tolist()):
        assert set(row) == {key for key in range(12 * views) if key % 12 != own}


@pytest.mark.parametrize("share", ["query", "batch"])
def test_sets_of_the_whole_pool_are_a_random_partition_of_it(share: str) -> None:
    """Of 22 keys 11 are of the first view: of the 11 in the first set the hypergeometric distribution says how many."""
    steps = 400
    counts = np.zeros(12)
    for step in range(steps):
        rows = drawn(step_random(step=step), 22, 2, share, sets=2)
        assert all(set(row) == {key for key in range(24) if key % 12 != own} for own, row in enumerate(rows.tolist()))
        counts[int((rows[step % 12, :11] < 12).sum())] += 1
    expected = steps * hypergeom(22, 11, 11).pmf(np.arange(12))
    assert power_divergence([counts[:4].sum(), *counts[4:8], counts[8:].sum()],
                            [expected[:4].sum(), *expected[4:8], expected[8:].sum()]).pvalue > 1e-3  # fmt: skip
    parts = [drawn(step_random(start=start, count=4), 22, 2, share, sets=2) for start in (0, 4, 8)]
    assert torch.equal(torch.cat(parts), drawn(step_random(), 22, 2, share, sets=2))


def test_a_process_draws_its_rows_of_the_global_draw() -> None:
    whole = drawn(step_random(), 4)
    parts = [drawn(step_random(start=start, count=4), 4) for start in (0, 4, 8)]
    assert torch.equal(torch.cat(parts), whole)


def test_queries_draw_by_themselves_or_share() -> None:
    by_query, shared = drawn(step_random(100), 5), drawn(step_random(100), 5, negatives_per="batch")
    as_position = shared - (shared > torch.arange(100)[:, None]).long()  # undo the step over the own key
    assert (as_position == as_position[0]).all()
    assert len({tuple(sorted(row)) for row in by_query.tolist()}) == 100
    assert not torch.equal(drawn(step_random(step=1), 5), drawn(step_random(), 5))


def test_every_key_of_the_pool_is_equally_likely() -> None:
    counts = torch.zeros(12)
    steps = 3000
    for step in range(steps):
        counts += torch.bincount(drawn(step_random(step=step, count=1), 3)[0], minlength=12)
    p = 3 / 11
    standard_error = (p * (1 - p) / steps) ** 0.5
    assert counts[0] == 0
    assert ((counts[1:] / steps - p).abs() < 4.5 * standard_error).all()


def test_more_than_the_pool_is_an_error_with_the_numbers() -> None:
    with pytest.raises(ValueError, match=r"K=12 .* pool of 11.* 12 - 1"):
        drawn(step_random(), 12)


@pytest.mark.parametrize("K", [1, 3, 8, 10, 11])
@pytest.mark.parametrize("N", [1, 3, 8, 11, 25])
def test_queue_holds_exactly_the_last_K_keys(K: int, N: int) -> None:
    queue, expected = Queue(K, 2), deque([-1] * K, maxlen=K)
    for push in range(7):
        ids = torch.arange(push * N, (push + 1) * N)
        queue.push(torch.stack([ids, -ids], dim=1).float(), ids)
        expected.extend(ids.tolist())
        assert sorted(queue.ids.tolist()) == sorted(expected)
        filled = queue.ids >= 0
        assert torch.equal(queue.keys[filled, 0], queue.ids[filled].float())  # keys and ids stay together


def test_queue_starts_with_random_unit_vectors_of_no_image() -> None:
    queue = Queue(50, 16, seed=1)
    torch.testing.assert_close(queue.keys.norm(dim=1), torch.ones(50))
    assert (queue.ids == -1).all()
    assert torch.equal(queue.keys, Queue(50, 16, seed=1).keys)
    assert not torch.equal(queue.keys, Queue(50, 16, seed=2).keys)


def test_queue_survives_a_round_trip_through_its_state() -> None:
    first, second = Queue(10, 2), Queue(10, 2, seed=9)
    first.push(torch.randn(7, 2), torch.arange(7))
    second.load_state_dict(first.state_dict())
    for queue in (first, second):
        queue.push(torch.arange(10.0).view(5, 2), torch.arange(7, 12))
    assert torch.equal(first.keys, second.keys)
    assert torch.equal(first.ids, second.ids)
    assert sorted(first.ids.tolist()) == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]


def test_an_empty_queue_is_an_error() -> None:
    with pytest.raises(ValueError, match="K must be at least 1"):
        Queue(0, 4)


def test_bank_entries_are_moved_and_keep_unit_length() -> None:
    bank = Bank(6, 4, momentum=0.75, seed=2)
    before = bank.entries.clone()
    torch.testing.assert_close(before.norm(dim=1), torch.ones(6))
    vectors = torch.nn.functional.normalize(torch.randn(2, 4), dim=1)
    bank.write(vectors, torch.tensor([4, 1]))
    for vector, image in zip(vectors, (4, 1), strict=True):
        expected = 0.75 * before[image] + 0.25 * vector
        torch.testing.assert_close(bank.entries[image], expected / expected.norm())
    assert torch.equal(bank.entries[[0, 2, 3, 5]], before[[0, 2, 3, 5]])
    assert "entries" in bank.state_dict()


def test_a_bank_saves_its_entries_alone() -> None:
    bank = Bank(6, 4)
    assert bank.ids.tolist() == [0, 1, 2, 3, 4, 5] and bank.state_dict().keys() == {"entries"}


@pytest.mark.parametrize("own", [False, True])
def test_bank_draws_are_uniform_and_leave_the_own_entry_out_unless_asked(own: bool) -> None:
    ids = torch.arange(12) * 2  # images 0, 2, ..., 22 of 30
    chosen = torch.stack([from_bank(step_random(step=step), ids, 40, 30, own) for step in range(40)])
    hits = (chosen == ids[:, None]).sum().item()
    assert (hits > 0) == own
    counts = torch.bincount(chosen[:, 0].flatten(), minlength=30).double()
    share = 1 / 30 if own else 1 / 29
    error = (share * (1 - share) / 1600) ** 0.5
    others = torch.ones(30, dtype=torch.bool)
    others[0] = own
    assert ((counts[others] / 1600 - share).abs() < 4.5 * error).all()


def test_bank_draws_are_sliced_by_process() -> None:
    ids = torch.arange(12)
    part = from_bank(step_random(start=4, count=4), ids[4:8], 5, 30)
    assert torch.equal(part, from_bank(step_random(), ids, 5, 30)[4:8])


def test_every_pair_of_keys_is_drawn_equally_often_by_both_ways() -> None:
    """K = 2 of 33 keys repeats what stands twice, K = 2 of 31 sorts; 4 deviations of a chi-square of all pairs."""
    for size in (34, 32):
        pool, counts = size - 1, torch.zeros(size, size)
        for step in range(300):
            chosen = drawn(step_random(size, step=step), 2)
            positions = (chosen - (chosen > torch.arange(size)[:, None]).long()).sort(dim=1).values
            counts.index_put_(tuple(positions.unbind(1)), torch.ones(size), accumulate=True)
        pairs = pool * (pool - 1) // 2
        expected = 300 * size / pairs
        found = counts[torch.triu_indices(pool, pool, 1).unbind()]
        assert int(found.sum()) == 300 * size
        square = float(((found - expected) ** 2 / expected).sum())
        assert abs(square - (pairs - 1)) < 4 * (2 * (pairs - 1)) ** 0.5


def test_few_of_many_keys_are_distinct_and_the_same_in_every_process() -> None:
    whole = drawn(step_random(600), 30)  # about 0.5 repeats a row before they are drawn again
    assert all(len(set(row)) == 30 and own not in row for own, row in enumerate(whole.tolist()))
    parts = [drawn(step_random(600, start=start, count=200), 30) for start in (0, 200, 400)]
    assert torch.equal(torch.cat(parts), whole)


@pytest.mark.parametrize("momentum", [-0.1, 1.1])
def test_the_momentum_of_a_bank_lies_in_0_to_1(momentum: float) -> None:
    with pytest.raises(ValueError, match=rf"the bank's momentum must lie in \[0, 1\], not {momentum}"):
        Bank(4, 2, momentum)
