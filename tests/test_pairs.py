import torch
from torch import Tensor
from torch.nn import functional as F

from contrastive_lab.pairs import SPARSE, Pairs, chosen_cosines, from_keys, in_batch, joined, row_cosines


def unit_rows(n: int, seed: int) -> Tensor:
    rows = torch.randn(n, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return F.normalize(rows, dim=1)


def test_from_keys_is_a_loop_over_the_chosen_keys() -> None:
    query, key, keys = unit_rows(3, 0), unit_rows(3, 1), unit_rows(5, 2)
    chosen = torch.tensor([[0, 4], [1, 1], [3, 2]])
    pos, neg = from_keys(query, key, keys, chosen)
    for i in range(3):
        torch.testing.assert_close(pos[i], query[i] @ key[i])
        for k in range(2):
            torch.testing.assert_close(neg[i, k], query[i] @ keys[chosen[i, k]])


def test_one_row_of_choices_holds_for_all_queries() -> None:
    query, keys, chosen = unit_rows(3, 0), unit_rows(5, 2), torch.tensor([[4, 0]])
    _, neg = from_keys(query, query, keys, chosen)
    torch.testing.assert_close(neg, torch.stack([query @ keys[4], query @ keys[0]], dim=1))


def test_joined_keeps_rows_together() -> None:
    parts = []
    for seed, neg_ids in ((0, torch.tensor([[7, 8]])), (3, torch.tensor([[1, 2], [3, 4], [5, 6]]))):
        query, keys = unit_rows(3, seed), unit_rows(3, seed + 1)
        neg = query @ unit_rows(2, seed + 2).T
        parts.append(
            Pairs(row_cosines(query, keys), neg, [query], torch.arange(3), neg_ids, query, keys, torch.arange(3))
        )
    both = joined(parts)
    assert both.neg_ids.tolist() == [[7, 8], [7, 8], [7, 8], [1, 2], [3, 4], [5, 6]]
    assert both.ids.tolist() == [0, 1, 2, 0, 1, 2]
    for part, rows in zip(parts, (slice(0, 3), slice(3, 6)), strict=True):
        assert torch.equal(both.pos[rows], part.pos) and torch.equal(both.neg[rows], part.neg)
    assert both.features is parts[0].features and len(both.queries) == 2
    assert joined(parts[:1]) is parts[0]


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
        found = chosen_cosines(query, keys, chosen)
        (found**2).mean().backward()
        results.append((found[:, :2], query.grad))
    expected = torch.tensor([[float(query[i].detach() @ keys[j]) for j in (2 * i, 2 * i + 1)] for i in range(5)])
    torch.testing.assert_close(results[0][0].float(), expected)
    torch.testing.assert_close(results[0], results[1], rtol=1e-12, atol=1e-14)
