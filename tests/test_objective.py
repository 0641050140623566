"""The loss of a query by its settings, against loops and dictionaries in plain Python."""

import math
from collections.abc import Callable
from statistics import fmean
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from contrastive_lab import losses
from contrastive_lab.competition import Causes, at_hand
from contrastive_lab.objective import Objective
from contrastive_lab.pairs import Chosen, Pairs, Part
from tests.cosines import keys_of_each, pairs_of
from tests.paper_losses import (
    SogCLR,
    cosines_of,
    coupling,
    dclw_weights,
    debiased_row,
    debiased_ws,
    dual_row,
    flatnce,
    gradient_at_query,
    infonce_row,
    infonce_ws,
    shares,
    spectral_row,
    unit_vectors,
)

TAU, R, K = 0.2, 3, 5
INF = math.inf
Row = Callable[[float, list[float]], float]
Weights = Callable[[float, list[float]], tuple[float, float, list[float]]]

ROWS: list[tuple[str, dict[str, Any], float | None, Row, Weights]] = [  # the value and w, v, s of each loss by hand
    ("info_nce", {}, None, infonce_row, infonce_ws),
    (
        "info_nce",
        {},
        64.0,
        lambda p, row: infonce_row(p, row, alpha=64.0),
        lambda p, row: (coupling(p, row, TAU, 64.0), coupling(p, row, TAU, 64.0), shares(row, 1 / TAU)),
    ),
    (
        "spectral",
        {"mu": 2.0, "phi": "square", "phi_tau": 0.5},
        None,
        lambda p, row: spectral_row(p, row, 2.0),
        lambda p, row: (2.0**2 * TAU, 2 * 2.0 * TAU, [2 * x / len(row) for x in row]),
    ),
    (
        "debiased",
        {"tau_plus": 0.1},
        None,
        lambda p, row: debiased_row(p, row, 0.1),
        lambda p, row: debiased_ws(p, row, len(row), 0.0),
    ),
    (
        "hard",
        {"tau_plus": 0.1, "beta": 0.7},
        64.0,
        lambda p, row: debiased_row(p, row, 0.1, 64.0, 0.7),
        lambda p, row: debiased_ws(p, row, 64.0, 0.7),
    ),
    (
        "dual_temperature",
        {"second_tau": 1.0},
        9.0,
        lambda p, row: dual_row(p, row, 1.0, 9.0),
        lambda p, row: (coupling(p, row, 1.0, 9.0), coupling(p, row, 1.0, 9.0), shares(row, 1 / TAU)),
    ),
]
IDS = [f"{name}-{alpha}" for name, _, alpha, *_ in ROWS]


@pytest.mark.parametrize(("name", "settings", "alpha", "row", "weights"), ROWS, ids=IDS)
def test_the_loss_is_the_mean_over_sets(
    name: str, settings: dict[str, Any], alpha: float | None, row: Row, weights: Weights
) -> None:
    """Values and gradients at the query against loops over queries and sets, from the papers in plain numbers."""
    query, key, negatives = unit_vectors(K=R * K)
    objective = Objective(name, sets=R, **settings)

    def loss(pos: Tensor, neg: Tensor) -> Tensor:
        return objective.losses(pairs_of((pos, neg)), TAU, alpha)

    pos, neg = cosines_of(query, key, negatives)
    gradient = gradient_at_query(loss, query, key, negatives)
    for i, value in enumerate(loss(pos, neg).tolist()):
        values, pushes = [], []
        for start in range(0, R * K, K):
            part = neg[i, start : start + K].tolist()
            values.append(row(pos[i].item(), part))
            w, v, s = weights(pos[i].item(), part)
            mixture = sum(share * negatives[i, start + k] for k, share in enumerate(s))
            pushes.append((w * mixture - v * key[i]) / TAU)
        assert value == pytest.approx(fmean(values), rel=1e-9, abs=1e-12)
        torch.testing.assert_close(gradient[i], sum(pushes) / R, rtol=1e-9, atol=1e-12)
    assert gradient.abs().max() > 1e-3
    assert (objective.keys(K), objective.keys(None)) == (R * K, None)


def test_every_loss_of_the_group_is_tried_above() -> None:
    assert {name for name, *_ in ROWS} == set(losses.__all__) & {
        "info_nce", "spectral", "debiased", "hard", "dual_temperature"
    }  # fmt: skip


@pytest.mark.parametrize("keep", [0.0, 0.1, 0.9])
def test_remember_is_sogclr_with_a_dictionary(keep: float) -> None:
    """Three epochs of 9 images in steps of 3, two directions; values, gradients and what is kept."""
    source = torch.Generator().manual_seed(1)
    objective = Objective(remember=keep, images=9, directions=2).double()
    oracle = SogCLR(keep)
    for _ in range(3):
        for ids in torch.randperm(9, generator=source).view(3, 3):
            pos = torch.rand(6, generator=source, dtype=torch.float64).requires_grad_()
            neg = torch.rand(6, K, generator=source, dtype=torch.float64).mul(2).sub(1).requires_grad_()
            pairs = pairs_of((pos[:3], neg[:3]), (pos[3:], neg[3:]), ids=ids)
            before = objective.log_normaliser.clone()
            values = objective.losses(pairs, TAU, INF)
            assert torch.equal(objective.log_normaliser, before)  # written after the step alone
            of_pos, of_neg = torch.autograd.grad(values.sum(), (pos, neg))
            objective.after_step()
            for i in range(6):
                row, image = neg[i].tolist(), int(ids[i % 3])
                value, weights = oracle.step(i // 3, image, pos[i].item(), row)
                assert values[i].item() == pytest.approx(value, rel=1e-12, abs=1e-12)
                assert of_neg[i].tolist() == pytest.approx([w / TAU for w in weights], rel=1e-12)
            torch.testing.assert_close(of_pos, torch.full_like(pos, -1 / TAU))
    kept = [[math.log(oracle.u[direction, image]) for image in range(9)] for direction in range(2)]
    torch.testing.assert_close(objective.log_normaliser.tolist(), kept, rtol=1e-12, atol=1e-12)
    assert objective.seen.all()
    assert objective.state_dict().keys() == {"log_normaliser", "seen"}
    assert not Objective().state_dict()


def test_competition_of_a_remembered_normaliser_is_that_of_its_weights() -> None:
    """exp(neg / tau) / (K u) of each set of two of fourteen keys, u in a dictionary; four images were seen before."""
    query, key, others = unit_vectors(n=14, K=1)
    query, key, keys = query[:8].requires_grad_(), key[:8], others[:, 0]
    ids, key_ids = torch.arange(8), torch.arange(8, 22)
    objective = Objective(remember=0.6, images=22, directions=1).double()
    objective.log_normaliser[0, :4], objective.seen[:4] = torch.tensor([0.0, 1.0, 2.0, 3.0]).double(), True
    chosen = Chosen(torch.arange(2)[None])
    pairs = Pairs([Part(query, (query * key).sum(1), ids, keys, key_ids, chosen, key)])
    told = objective.diagnose(pairs, objective.losses(pairs, TAU, INF), TAU, INF, None)
    rows, cos, _ = at_hand(query.detach(), ids, keys, key_ids)
    means = {}
    for size in (2, 14):
        push, strength = [], []
        for i, row in zip(rows.tolist(), cos.tolist(), strict=True):
            for start in range(0, 14, size):
                oracle, part = SogCLR(0.6), row[start : start + size]
                if i < 4:
                    oracle.u[0, i] = math.exp(i)
                _, weights = oracle.step(0, i, 0.0, part)
                strength.append(sum(weights))
                push.append(sum(w * c for w, c in zip(weights, part, strict=True)))
        means[size] = sum(push) / sum(strength) - cos.mean().item()
    assert told["competition"].item() == pytest.approx(means[2] / means[14], rel=1e-9)
    assert told["factor"].item() == pytest.approx(1, rel=1e-12)


def test_dclw_weighs_the_positive_by_its_share_in_the_batch() -> None:
    query, key, negatives = unit_vectors()
    pos, neg = ((query * key).sum(1).requires_grad_(), torch.einsum("nkd,nd->nk", negatives, query))
    values = Objective(dclw_sigma=0.5).losses(pairs_of((pos, neg)), TAU, INF)
    weights = dclw_weights(pos.tolist(), 0.5)
    expected = [
        math.log(fmean(math.exp(x / TAU) for x in row)) - w * p / TAU
        for w, p, row in zip(weights, pos.tolist(), neg.tolist(), strict=True)
    ]
    assert values.tolist() == pytest.approx(expected, rel=1e-12)
    (gradient,) = torch.autograd.grad(values.sum(), pos)
    assert gradient.tolist() == pytest.approx([-w / TAU for w in weights], rel=1e-12)


def test_an_infinite_alpha_is_dcl_and_flatnce() -> None:
    vectors = unit_vectors(n=12, K=7)
    expected = gradient_at_query(flatnce, *vectors)
    for alpha in (1e15, INF):
        ours = gradient_at_query(lambda p, n, a=alpha: Objective().losses(pairs_of((p, n)), TAU, a), *vectors)
        torch.testing.assert_close(ours, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "settings", "alpha", "left_out"),
    [
        ("info_nce", {}, None, set()),
        ("info_nce", {"sets": 2}, 64.0, set()),
        ("info_nce", {}, INF, {"mi_estimate"}),
        ("info_nce", {"dclw_sigma": 0.5}, INF, {"mi_estimate", "gradient_bound"}),
        ("info_nce", {"remember": 0.5, "images": 8, "directions": 1}, INF, {"mi_estimate", "gradient_bound"}),
        *((name, more, None, {"mi_estimate", "gradient_bound"}) for name, more, *_ in ROWS if name != "info_nce"),
    ],
)
def test_diagnostics_leave_out_what_is_of_infonce_alone(
    name: str, settings: dict[str, Any], alpha: float | None, left_out: set[str]
) -> None:
    query, key, negatives = unit_vectors(K=6)
    query = F.normalize(query, dim=1).requires_grad_()
    ids = torch.arange(len(query))
    pairs = Pairs([keys_of_each(query, key, negatives, ids, (ids[:, None] + 1).expand(-1, 6))])
    objective = Objective(name, **settings)
    values = objective.losses(pairs, TAU, alpha)
    told = objective.diagnose(pairs, values, TAU, alpha, None)
    assert {"mi_estimate", "gradient_bound"} - told.keys() == left_out
    assert {"gradient_norm", "contrastive_top1", "effective_rank", "own_image"} <= told.keys()
    assert objective.is_infonce == ("gradient_bound" not in left_out)
    assert set(Causes._fields) & told.keys() == ({"agreement"} if name == "spectral" else set(Causes._fields))
    if objective.remember is not None or alpha == INF:
        assert told["factor"].item() == pytest.approx(1, rel=1e-12)
    if "mi_estimate" in told:
        width = 6 // objective.sets if alpha is None else alpha
        assert told["mi_estimate"].item() == pytest.approx(math.log1p(width) - values.mean().item())
    if "gradient_bound" in told:
        assert told["gradient_norm"] <= told["gradient_bound"]
