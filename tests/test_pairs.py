import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from contrastive_lab.pairs import SPARSE, Chosen, Pairs, Part, blocks, in_batch, negative_cosines


def unit_rows(n: int, seed: int) -> Tensor:
    rows = torch.randn(n, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return F.normalize(rows, dim=1)


def part_of(chosen: Chosen | None, n: int = 3, M: int = 5) -> Part:
    query = unit_rows(n, 0)
    return Part(query, query[:, 0], torch.arange(n), unit_rows(M, 2), 10 + torch.arange(M), chosen, query)


def test_negatives_are_a_loop_over_the_chosen_keys() -> None:
    chosen = torch.tensor([[0, 4], [1, 1], [3, 2]])
    part = part_of(Chosen(chosen))
    for i in range(3):
        for k in range(2):
            torch.testing.assert_close(part.neg()[i, k], part.query[i] @ part.keys[chosen[i, k]])
    assert torch.equal(part.neg_ids(), 10 + chosen)
    assert torch.equal(part.neg(slice(1, 3)), part.neg()[1:]) and torch.equal(
        part.neg_ids(slice(2, 3)), 10 + chosen[2:]
    )


def test_one_row_of_choices_holds_for_all_queries_and_none_is_all_keys() -> None:
    part = part_of(Chosen(torch.tensor([[4, 0]])))
    torch.testing.assert_close(part.neg(), torch.stack([part.query @ part.keys[4], part.query @ part.keys[0]], dim=1))
    assert (part.K, part.neg_ids().tolist()) == (2, [[14, 10]])
    part = part_of(None)
    assert part.K == 5 and torch.equal(part.neg(), part.query @ part.keys.T)


def test_numbers_of_other_images_leave_the_own_one_out_of_each_view() -> None:
    chosen = Chosen(torch.arange(6)[None], torch.tensor([0, 2, 3]), images=4)
    assert chosen.of().tolist() == [[1, 2, 3, 5, 6, 7], [0, 1, 3, 4, 5, 7], [0, 1, 2, 4, 5, 6]]
    assert chosen.of(slice(1, 2)).tolist() == [[0, 1, 3, 4, 5, 7]]


def test_views_stand_after_each_other() -> None:
    pairs = Pairs([part_of(Chosen(torch.tensor([[0, 1]]))), part_of(Chosen(torch.tensor([[2, 3], [3, 4], [4, 0]])))])
    assert pairs.neg_ids.tolist() == [[10, 11], [10, 11], [10, 11], [12, 13], [13, 14], [14, 10]]
    assert pairs.ids.tolist() == [0, 1, 2, 0, 1, 2] and pairs.K == 2 and len(pairs.queries) == 2
    for part, rows in zip(pairs.parts, (slice(0, 3), slice(3, 6)), strict=True):
        assert torch.equal(pairs.pos[rows], part.pos) and torch.equal(pairs.neg[rows], part.neg())


@pytest.mark.parametrize(
    ("chosen", "width"),
    [
        (None, 200),  # all keys
        (Chosen(torch.zeros(30, 50, dtype=torch.long)), 200),  # the product with all keys is taken
        (Chosen(torch.zeros(30, 2, dtype=torch.long)), 2 * 4),  # two keys of 4 numbers are fetched for each query
    ],
)
def test_blocks_hold_so_many_numbers_and_every_row_once(
    chosen: Chosen | None, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contrastive_lab.pairs.BLOCK", 7 * width + 1)
    part = part_of(chosen, n=30, M=200)
    found = blocks(part.query, part.keys, part.chosen)
    assert [i for rows in found for i in range(rows.start, rows.stop)] == [*range(30)]
    assert [rows.stop - rows.start for rows in found] == [7, 7, 7, 7, 2]
    monkeypatch.setattr("contrastive_lab.pairs.BLOCK", 1)
    assert len(blocks(part.query, part.keys, part.chosen)) == 30


def test_in_batch_takes_the_diagonal_for_positives() -> None:
    scores = torch.arange(18).view(2, 3, 3)
    pos, neg = in_batch(scores)
    assert pos.tolist() == [0, 4, 8, 9, 13, 17]
    assert neg.tolist() == [[1, 2], [3, 5], [6, 7], [10, 11], [12, 14], [15, 16]]


def test_cosines_of_few_chosen_keys_are_those_of_all() -> None:
    keys = F.normalize(torch.randn(2 * SPARSE, 6, dtype=torch.float64), dim=1)
    results = []
    for repeats in (1, 2):  # with K = 4 of 128 keys all pairs are multiplied, with K = 2 the chosen ones
        query = F.normalize(torch.randn(5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)), dim=1)
        query.requires_grad_()
        chosen = torch.arange(10).view(5, 2).repeat(1, repeats)
        found = negative_cosines(query, keys, chosen)
        (found**2).mean().backward()
        results.append((found[:, :2], query.grad))
    expected = torch.tensor([[float(query[i].detach() @ keys[j]) for j in (2 * i, 2 * i + 1)] for i in range(5)])
    torch.testing.assert_close(results[0][0].float(), expected)
    torch.testing.assert_close(results[0], results[1], rtol=1e-12, atol=1e-14)
