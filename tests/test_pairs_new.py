import torch
from torch.nn import functional as F

from contrastive_lab.pairs import SPARSE, chosen_cosines


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
