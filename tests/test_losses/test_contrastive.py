import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from contrastive_lab.losses import eqco_margin, gradient_bound, info_nce, mi_estimate, nce, supcon, swap
from contrastive_lab.losses.contrastive import log_sum_exp


def cosines(n: int = 6, K: int = 5, seed: int = 0) -> tuple[Tensor, Tensor]:
    source = torch.Generator().manual_seed(seed)
    return tuple(2 * torch.rand(shape, generator=source, dtype=torch.float64) - 1 for shape in ((n,), (n, K)))


def naive(pos: Tensor, neg: Tensor, tau: float, margin: float) -> float:
    """EqCo, Eq. 1, as it stands in the paper, in a loop."""
    total = 0.0
    for p, row in zip(pos.tolist(), neg.tolist(), strict=True):
        own = math.exp((p - margin) / tau)
        total -= math.log(own / (own + sum(math.exp(x / tau) for x in row)))
    return total / len(pos)


@pytest.mark.parametrize("alpha", [1, 5, 256, 65536])
@pytest.mark.parametrize("tau", [0.07, 0.2, 1.0])
def test_info_nce_is_the_formula_of_the_paper(alpha: float, tau: float) -> None:
    pos, neg = cosines()
    expected = naive(pos, neg, tau, tau * math.log(alpha / 5))
    assert info_nce(pos, neg, tau, alpha).item() == pytest.approx(expected, rel=1e-12)


def test_alpha_equal_to_K_is_cross_entropy() -> None:
    pos, neg = (x.float() for x in cosines(n=64, K=300))
    logits = torch.cat([pos[:, None], neg], dim=1) / 0.2
    expected = F.cross_entropy(logits, torch.zeros(64, dtype=torch.long))
    torch.testing.assert_close(info_nce(pos, neg, 0.2, 300), expected, rtol=2e-6, atol=0)
    assert info_nce(pos, neg, 0.2) == info_nce(pos, neg, 0.2, 300)


# Worked from the definition tau * log(alpha / K): EqCo, Eq. 5.
@pytest.mark.parametrize(
    ("alpha", "K", "tau", "margin"),
    [(256, 16, 0.2, 0.5545), (4096, 256, 0.07, 0.1941), (65536, 16, 0.1, 0.8318), (256, 65536, 0.2, -1.1090)],
)
def test_margin(alpha: float, K: int, tau: float, margin: float) -> None:
    assert eqco_margin(K, alpha, tau) == pytest.approx(margin, abs=5e-5)
    assert eqco_margin(K, K, tau) == 0


@pytest.mark.parametrize("K", [1, 4, 255])
@pytest.mark.parametrize("alpha", [1, 256, 65536])
def test_equal_cosines_give_log_one_plus_alpha(K: int, alpha: float) -> None:
    pos, neg = torch.full((3,), 0.3), torch.full((3, K), 0.3)
    assert info_nce(pos, neg, 0.1, alpha).item() == pytest.approx(math.log1p(alpha), rel=1e-6)


@pytest.mark.parametrize("r", [2, 7])
def test_repeating_every_negative_changes_neither_loss_nor_query_gradient(r: int) -> None:
    source = torch.Generator().manual_seed(1)
    query, key, negatives = (
        F.normalize(torch.randn(shape, generator=source, dtype=torch.float64), dim=-1)
        for shape in ((4, 8), (4, 8), (4, 3, 8))
    )
    query.requires_grad_()

    def loss_and_gradient(negatives: Tensor) -> tuple[Tensor, Tensor]:
        neg = torch.einsum("nd,nkd->nk", query, negatives)
        loss = info_nce((query * key).sum(1), neg, 0.2, alpha=4096)
        return loss, torch.autograd.grad(loss, query)[0]

    for once, repeated in zip(
        loss_and_gradient(negatives), loss_and_gradient(negatives.repeat_interleave(r, dim=1)), strict=True
    ):
        torch.testing.assert_close(once, repeated, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("tau", [0.01, 0.2])
@pytest.mark.parametrize("alpha", [1e-3, 1e9])
def test_extremes_are_finite_with_their_gradient(tau: float, alpha: float) -> None:
    pos = torch.tensor([-1.0, 1.0, 0.0], requires_grad=True)
    neg = torch.tensor([[1.0, 1.0], [-1.0, -1.0], [0.0, 0.0]], requires_grad=True)
    loss = info_nce(pos, neg, tau, alpha)
    loss.backward()
    assert loss.isfinite()
    assert pos.grad is not None and pos.grad.isfinite().all()
    assert neg.grad is not None and neg.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(dtype: torch.dtype) -> None:
    pos, neg = (x.to(dtype) for x in cosines(K=40))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = info_nce(pos, neg, 0.07, 65536)
    assert loss.dtype == torch.float32
    assert loss == info_nce(pos.float(), neg.float(), 0.07, 65536)


@pytest.mark.parametrize("tau", [0.01, 0.2, 5.0])
def test_log_sum_exp_is_torchs_with_its_gradient(tau: float) -> None:
    x = (2 * torch.rand(7, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) - 1).requires_grad_()
    ours, theirs = log_sum_exp(x, tau), torch.logsumexp(x / tau, dim=1)
    torch.testing.assert_close(ours, theirs, rtol=1e-13, atol=0)
    weights = torch.arange(7.0, dtype=torch.float64)
    (own,), (expected,) = (torch.autograd.grad(value, x, weights, retain_graph=True) for value in (ours, theirs))
    torch.testing.assert_close(own, expected, rtol=1e-11, atol=1e-300)
    assert torch.autograd.grad(ours, x, weights)[0].equal(own)  # what is kept is not used up
    with pytest.raises(RuntimeError, match="a first derivative alone"):  # and no second one that lacks a part
        torch.autograd.grad((ours + x.square().sum(dim=1)).sum(), x, create_graph=True)


def test_reduction_none_is_per_query() -> None:
    pos, neg = cosines()
    each = info_nce(pos, neg, 0.2, 100, reduction="none")
    assert each.shape == (6,)
    assert each[2].item() == pytest.approx(naive(pos[2:3], neg[2:3], 0.2, 0.2 * math.log(100 / 5)), rel=1e-12)


def test_mi_estimate_of_no_information_is_zero() -> None:
    assert mi_estimate(math.log1p(256), 256) == 0
    assert mi_estimate(0.0, 15) == pytest.approx(math.log(16))


def test_gradient_bound_is_the_papers_and_holds() -> None:
    source = torch.Generator().manual_seed(2)
    query, key, negatives = (
        F.normalize(torch.randn(shape, generator=source, dtype=torch.float64), dim=-1)
        for shape in ((50, 8), (50, 8), (50, 16, 8))
    )
    query.requires_grad_()
    pos, neg = (query * key).sum(1), torch.einsum("nd,nkd->nk", query, negatives)
    alpha, tau = 256.0, 0.2
    losses = info_nce(pos, neg, tau, alpha, reduction="none")
    norms = torch.autograd.grad(losses.sum(), query)[0].norm(dim=1)
    own = (pos / tau).exp()
    expected = 2 / tau * (1 - own / (own + alpha * (neg / tau).exp().mean(1)))  # EqCo, Eq. 7
    bound = gradient_bound(pos, neg, tau, alpha)
    torch.testing.assert_close(bound, expected, rtol=1e-10, atol=0)
    assert (norms <= bound).all()


@pytest.mark.parametrize(
    ("pos", "neg", "options"),
    [
        (torch.zeros(3), torch.zeros(4, 2), {}),
        (torch.zeros(3), torch.zeros(3, 0), {}),
        (torch.zeros(3, 1), torch.zeros(3, 2), {}),
        (torch.zeros(3), torch.zeros(3, 2), {"alpha": 0.0}),
        (torch.zeros(3), torch.zeros(3, 2), {"reduction": "sum"}),
    ],
)
def test_bad_input_is_an_error(pos: Tensor, neg: Tensor, options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"needed|needs|reduction"):
        info_nce(pos, neg, 0.1, **options)  # type: ignore[arg-type]


def test_nce_is_the_published_form() -> None:
    pos, neg = cosines(n=4, K=3)
    tau, images, Z = 0.1, 50, 900.0
    for i, value in enumerate(nce(pos, neg, tau, images, math.log(Z)).tolist()):
        noise = 3 / images  # Wu et al., Eq. 6: m times the uniform noise 1/n
        own = math.exp(pos[i] / tau) / Z
        expected = -math.log(own / (own + noise))
        for x in neg[i].tolist():
            P = math.exp(x / tau) / Z
            expected -= math.log(noise / (P + noise))
        assert value == pytest.approx(expected, rel=1e-10)


def test_swap_is_cross_entropy_and_is_least_at_the_codes() -> None:
    source = torch.Generator().manual_seed(0)
    scores = torch.randn(5, 4, generator=source, dtype=torch.float64)
    codes = torch.randn(5, 4, generator=source, dtype=torch.float64).softmax(1)
    hard = torch.eye(4, dtype=torch.float64)[[0, 1, 2, 3, 0]]
    expected = F.cross_entropy(scores / 0.1, torch.tensor([0, 1, 2, 3, 0]), reduction="none")
    torch.testing.assert_close(swap(scores, hard, 0.1), expected)
    torch.testing.assert_close(swap(0.1 * codes.log(), codes, 0.1), -(codes * codes.log()).sum(1))  # the entropy
    assert (swap(scores, codes, 0.1) > -(codes * codes.log()).sum(1)).all()


def test_supcon_is_the_papers_loop() -> None:
    source = torch.Generator().manual_seed(0)
    z = F.normalize(torch.randn(6, 3, generator=source, dtype=torch.float64), dim=1)
    labels, tau = [0, 1, 0, 1, 1, 0], 0.2
    expected = []
    for i in range(6):
        others = [a for a in range(6) if a != i]
        positives = [p for p in others if labels[p] == labels[i]]
        total = sum(math.exp(z[i] @ z[a] / tau) for a in others)
        expected.append(-sum(math.log(math.exp(z[i] @ z[p] / tau) / total) for p in positives) / len(positives))
    same = torch.tensor(labels)[:, None] == torch.tensor(labels)
    found = supcon(z @ z.T, same & ~torch.eye(6, dtype=torch.bool), torch.arange(6), tau)
    assert found.tolist() == pytest.approx(expected, rel=1e-10)


def test_supcon_with_one_positive_is_info_nce() -> None:
    source = torch.Generator().manual_seed(0)
    z = F.normalize(torch.randn(4, 3, generator=source, dtype=torch.float64), dim=1)
    sim, partner = z @ z.T, [2, 3, 0, 1]
    positives = torch.zeros(4, 4, dtype=torch.bool)
    positives[range(4), partner] = True
    neg = torch.stack([sim[i, [k for k in range(4) if k not in (i, partner[i])]] for i in range(4)])
    expected = info_nce(sim[range(4), partner], neg, 0.3, reduction="none")
    torch.testing.assert_close(supcon(sim, positives, torch.arange(4), 0.3), expected)


@pytest.mark.parametrize("tensor", ["pos", "neg"])
def test_a_cosine_that_is_not_a_number_makes_its_loss_and_no_other_not_a_number(tensor: str) -> None:
    pos, neg = cosines()
    (pos if tensor == "pos" else neg[:, 3])[2] = math.nan
    losses = info_nce(pos, neg, 0.2, 256, reduction="none")
    assert losses.isnan().tolist() == [i == 2 for i in range(6)]
