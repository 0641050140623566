import pytest
import torch

from contrastive_lab.losses import info_nce
from contrastive_lab.method import SimCLR
from contrastive_lab.objective import Objective
from tests.test_method.batches import N, linear_encoder, random_batch


def test_simclr_is_nt_xent() -> None:
    method, tau = SimCLR(linear_encoder(), tau=0.5).double(), 0.5
    pairs = method.pairs(random_batch())
    z = torch.cat([method.encoder(view)[1] for view in random_batch().views])
    total = 0.0
    for i in range(2 * N):  # Algorithm 1 of the paper, in its own loop; the pair of i is i + N or i - N
        j = (i + N) % (2 * N)
        others = sum(torch.exp(z[i] @ z[k] / tau) for k in range(2 * N) if k != i)
        total -= torch.log(torch.exp(z[i] @ z[j] / tau) / others)
    assert pairs.neg.shape == (2 * N, 2 * N - 2)
    torch.testing.assert_close(info_nce(pairs.pos, pairs.neg, tau), total / (2 * N))


def test_sets_of_all_keys_have_both_views_in_each() -> None:
    method = SimCLR(linear_encoder(), K=N - 1, objective=Objective(sets=2)).double()
    pairs, whole = method.pairs(random_batch()), SimCLR(linear_encoder()).double().pairs(random_batch())
    torch.testing.assert_close(pairs.neg.sort(dim=1).values, whole.neg.sort(dim=1).values)  # the same keys, partitioned
    images = [set(row) for row in pairs.neg_ids[:, : N - 1].tolist()]
    assert min(map(len, images)) < N - 1  # both views of one image are in a set, where by view each comes once
    assert len({tuple(sorted(row)) for row in pairs.neg_ids[:, : N - 1].tolist()}) > N


def test_simclr_with_K_contrasts_with_a_view_of_each_chosen_image() -> None:
    pairs = SimCLR(linear_encoder(), K=5).double().pairs(random_batch())
    z = [linear_encoder()(view)[1] for view in random_batch().views]
    for i in range(2 * N):
        query, other = z[i // N][i % N], z[1 - i // N][i % N]
        assert pairs.pos[i].item() == pytest.approx((query @ other).item())
        for k in range(5):
            image = pairs.neg_ids[i, k]
            assert min(abs(pairs.neg[i, k] - query @ view[image]) for view in z) < 1e-12


def test_simclr_sends_gradient_through_queries_and_keys_but_diagnoses_queries_alone() -> None:
    method = SimCLR(linear_encoder(), pool="N-1").double()
    z1 = method.encoder(random_batch().views[0])[1]
    pairs = method.pairs(random_batch())
    losses = info_nce(pairs.pos, pairs.neg, 0.5, reduction="none")
    gradient = torch.autograd.grad(losses.sum(), pairs.queries[0], retain_graph=True)[0]
    # The same with the keys held fixed.
    query, keys = z1.detach().requires_grad_(), method.encoder(random_batch().views[1])[1].detach()
    sim = query @ keys.T
    neg = sim[~torch.eye(N, dtype=torch.bool)].view(N, N - 1)
    fixed = info_nce(sim.diagonal(), neg, 0.5, reduction="none").sum()
    torch.testing.assert_close(gradient, torch.autograd.grad(fixed, query)[0])
