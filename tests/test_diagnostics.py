import math

import pytest
import torch
from torch.nn import functional as F

from contrastive_lab.diagnostics import diagnose, effective_rank, gradient_norm, spread, uniformity, verdict
from contrastive_lab.losses import info_nce
from contrastive_lab.pairs import Pairs
from tests.cosines import keys_of_each


def pairs(n: int = 6, K: int = 4) -> tuple[Pairs, torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(0)
    query, key, negatives = (
        F.normalize(torch.randn(shape, generator=source, dtype=torch.float64), dim=-1)
        for shape in ((n, 8), (n, 8), (n, K, 8))
    )
    query.requires_grad_()
    neg_ids = torch.tensor([[1, 2, 3, -1]]).expand(n, -1)
    made = Pairs([keys_of_each(query, key, negatives, torch.arange(n), neg_ids)])
    return made, key, negatives


def test_gradient_norm_is_the_formula() -> None:
    made, key, negatives = pairs()
    alpha, tau = 100.0, 0.2
    losses = info_nce(made.pos, made.neg, tau, alpha, reduction="none")
    # dL/dq = (1/tau) sum_k p_k (k_k - k_0), p_k the probability of negative k with weight alpha/K: EqCo, App. A.
    weights = torch.cat([(made.pos / tau).exp()[:, None], alpha / 4 * (made.neg / tau).exp()], dim=1)
    p = weights / weights.sum(1, keepdim=True)
    gradient = torch.einsum("nk,nkd->nd", p[:, 1:], negatives - key[:, None]) / tau
    torch.testing.assert_close(gradient_norm(losses, made.queries), gradient.norm(dim=1).mean())


def test_diagnosis_of_known_pairs() -> None:
    made, _, _ = pairs()
    losses = info_nce(made.pos, made.neg, 0.2, 100, reduction="none")
    classes = torch.tensor([0, 0, 1, 1, 0, 0])
    values = {k: float(v) for k, v in diagnose(made, losses, 0.2, 100, classes).items()}
    assert values["mi_estimate"] == pytest.approx(math.log(101) - losses.mean().item())
    assert values["contrastive_top1"] == pytest.approx(100 * (made.pos > made.neg.max(1).values).double().mean().item())
    assert values["alignment"] == pytest.approx((2 - 2 * made.pos).mean().item())
    assert values["gradient_norm"] <= values["gradient_bound"]
    # Every query sees images 1, 2 and 3 and one key of no image: of 18 negatives three are a query's own image, and
    # queries of class 0 (four of them) meet one of their class, those of class 1 (two) meet two.
    assert values["own_image"] == pytest.approx(3 / 18)
    assert values["own_class"] == pytest.approx((4 * 1 + 2 * 2) / 18)
    assert "own_class" not in diagnose(made, losses, 0.2, 100, None)


def test_uniformity_has_its_closed_forms() -> None:
    assert uniformity(torch.ones(5, 1)).item() == pytest.approx(0, abs=1e-6)
    opposite = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    assert uniformity(opposite).item() == pytest.approx(-2 * 4)
    square = torch.tensor([[1.0, 0], [0, 1], [-1, 0], [0, -1]])  # four pairs at distance^2 2, two at 4
    assert uniformity(square).item() == pytest.approx(math.log((4 * math.exp(-4) + 2 * math.exp(-8)) / 6), rel=1e-6)


def test_mixed_precision_changes_no_uniformity() -> None:
    x = F.normalize(torch.eye(8).repeat(4, 1) + 20, dim=1)  # nearly one point
    expected = torch.log((-2 * torch.pdist(x.double()).square()).exp().mean())
    with torch.autocast("cpu", torch.bfloat16):
        assert float(uniformity(x)) == pytest.approx(float(expected), rel=1e-3)


def test_effective_rank_has_its_closed_forms() -> None:
    assert effective_rank(torch.cat([torch.eye(6), -torch.eye(6)])).item() == pytest.approx(6, rel=1e-5)
    line = torch.outer(torch.linspace(-1, 1, 9), torch.ones(4))
    assert effective_rank(line).item() == pytest.approx(1, rel=1e-4)
    assert effective_rank(torch.ones(5, 3)).item() == pytest.approx(1, rel=1e-4)
    assert effective_rank(torch.tensor([[torch.nan, 1.0], [1.0, 2.0]])).isnan()
    # Singular values 3 and 1: entropy of (3/4, 1/4).
    two = torch.tensor([[3.0, 0], [-3.0, 0], [0, 1.0], [0, -1.0]]) / math.sqrt(2)
    expected = math.exp(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))
    assert effective_rank(two).item() == pytest.approx(expected, rel=1e-5)


def test_spread_is_of_unit_rows_or_of_features() -> None:
    x = torch.cat([torch.eye(6), -torch.eye(6)])
    assert spread(x) == {"uniformity": uniformity(x), "effective_rank": effective_rank(x), "dimensions": 6.0}
    assert set(spread(3 * x, unit=False)) == {"effective_rank", "dimensions"}


def test_the_verdict_tells_collapse_from_a_working_run() -> None:
    def say(positive: float, negative: float, rank: float, steps: int = 1000, momentum: float = 0.0) -> str:
        values = {"positive_cosine": positive, "negative_cosine": negative, "effective_rank": rank}
        return verdict({**values, "dimensions": 128.0}, steps, momentum=momentum)

    assert say(1.0, 0.99, 1.0).startswith("COLLAPSED")
    assert say(0.9, 0.1, 2.0).startswith("PARTLY COLLAPSED")
    assert say(0.9, 0.1, 30.0).startswith("no collapse")
    assert say(float("nan"), 0.1, 30.0).startswith("COLLAPSED")
    assert say(1.0, 0.99, 1.0, steps=249, momentum=0.999).startswith("too early")  # a key encoder of 1,000 steps
    assert say(1.0, 0.99, 1.0, steps=251, momentum=0.999).startswith("COLLAPSED")
    assert say(1.0, 0.99, 1.0, steps=50, momentum=0.99).startswith("COLLAPSED")
    assert say(1.0, 0.99, 1.0, steps=3) == "too early to tell after 3 steps whether the representation collapses"
