import math

import pytest
import torch
from torch.nn import functional as F

from contrastive_lab.losses import info_nce, nce
from contrastive_lab.method import NPID
from contrastive_lab.objective import Objective
from tests.test_method.batches import N, linear_encoder, one_view_batch, random_batch


def npid(**options: object) -> NPID:
    return NPID(linear_encoder(), images=40, **options).double()  # type: ignore[arg-type]


def test_npid_contrasts_with_bank_entries_and_writes_after_the_step() -> None:
    method = npid(K=6, tau=0.1)
    before = method.bank.entries.clone()
    pairs = method.pairs(one_view_batch())
    query = method.encoder(random_batch().views[0])[1]
    torch.testing.assert_close(pairs.pos, (query * before[:N]).sum(1))
    for i in range(N):
        torch.testing.assert_close(pairs.neg[i], before[pairs.neg_ids[i]] @ query[i])
    assert not (pairs.neg_ids == pairs.ids[:, None]).any()
    assert torch.equal(method.bank.entries, before)
    method.after_step()
    torch.testing.assert_close(method.bank.entries[:N], F.normalize(0.5 * before[:N] + 0.5 * query.detach(), dim=1))


def test_npid_without_K_is_the_softmax_over_all_images() -> None:
    method = npid(K=None, tau=0.1)
    pairs = method.pairs(one_view_batch())
    scores = method.encoder(random_batch().views[0])[1] @ method.bank.entries.T / 0.1
    assert pairs.neg.shape == (N, 39)
    torch.testing.assert_close(method.losses(pairs), F.cross_entropy(scores, torch.arange(N), reduction="none"))


def test_npids_settings_reach_the_bank() -> None:
    method = npid(K=6, tau=0.1, bank_momentum=0.9)
    before = method.bank.entries.clone()
    method.pairs(one_view_batch())
    method.after_step()
    query = method.encoder(random_batch().views[0])[1].detach()
    torch.testing.assert_close(method.bank.entries[:N], F.normalize(0.9 * before[:N] + 0.1 * query, dim=1))
    own = npid(K=4000, tau=0.1, positive_drawn=True).pairs(one_view_batch())
    share = (own.neg_ids == own.ids[:, None]).double().mean().item()
    assert share == pytest.approx(1 / 40, abs=4 * (1 / 40 / (4000 * N)) ** 0.5)


def test_npid_reports_the_mi_of_its_cosines_whatever_it_is_trained_with() -> None:
    values = []
    for options in ({}, {"objective": Objective("nce")}, {"proximal": 5.0}):
        method = npid(K=6, tau=0.1, **options)
        assert method.loss_is_infonce is not bool(options)
        pairs = method.pairs(one_view_batch())
        values.append(method.diagnose(pairs, method.losses(pairs), one_view_batch()))
        expected = math.log(7) - info_nce(pairs.pos, pairs.neg, 0.1).item()
        assert values[-1]["mi_estimate"].item() == pytest.approx(expected)
        assert values[-1]["gradient_norm"] <= values[-1]["gradient_bound"]
        assert ("factor" in values[-1]) == (method.objective.name != "nce")  # NCE has no w of a query


def test_npids_Z_is_finite_where_float32_has_no_room_for_it() -> None:
    method = npid(K=6, tau=0.002, objective=Objective("nce")).float()
    losses = method.losses(method.pairs(one_view_batch()._replace(views=[random_batch().views[0].float()])))
    assert losses.isfinite().all() and 100 < method.log_normaliser.item() < 600


def test_npid_nce_keeps_the_Z_of_the_first_batch() -> None:
    method = npid(K=6, tau=0.1, objective=Objective("nce"), proximal=0.3)
    pairs = method.pairs(one_view_batch())
    Z = (pairs.neg / 0.1).exp().mean() * 40
    expected = nce(pairs.pos, pairs.neg, 0.1, 40, Z.log()) + 0.3 * (2 - 2 * pairs.pos)
    torch.testing.assert_close(method.losses(pairs), expected)
    method.after_step()
    method.losses(method.pairs(one_view_batch(1)))
    method.after_step()
    torch.testing.assert_close(method.log_normaliser, Z.detach().log())
