import pytest
import torch
from torch.nn import functional as F

from contrastive_lab.assignment import sinkhorn
from contrastive_lab.method import SwAV
from tests.test_method.batches import N, linear_encoder, random_batch


def swav(**options: object) -> SwAV:
    return SwAV(linear_encoder(), prototypes=7, **options).double()  # type: ignore[arg-type]


def test_swav_predicts_the_codes_of_the_other_view() -> None:
    method = swav(tau=0.3)
    method.prototypes.data = F.normalize(method.prototypes.data, dim=1)
    pairs = method.pairs(random_batch())
    scores = [method.encoder(view)[1] @ method.prototypes.T for view in random_batch().views]
    codes = [sinkhorn(s.detach()) for s in scores]
    # SwAV, Eq. 1: the code of each view from the scores of the other.
    expected = -(codes[0] * (scores[1] / 0.3).log_softmax(1)).sum(1).mean()
    expected = expected - (codes[1] * (scores[0] / 0.3).log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(method.losses(pairs).mean(), expected / 2)
    assert not pairs.codes.requires_grad


def test_swavs_prototypes_keep_unit_length_and_are_frozen_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    method = swav(freeze_epochs=1.5)
    monkeypatch.setattr(SwAV, "trainer", type("Trainer", (), {"num_training_batches": 20}))
    method.pairs(random_batch())
    with torch.no_grad():
        method.prototypes.mul_(3)
    method.after_step()
    torch.testing.assert_close(method.prototypes.norm(dim=1), torch.ones(7, dtype=torch.float64))
    for step, frozen in ((0, True), (29, True), (30, False)):
        monkeypatch.setattr(SwAV, "global_step", step)
        method.prototypes.grad = torch.ones_like(method.prototypes)
        method.on_before_optimizer_step(None)  # type: ignore[arg-type]
        assert (method.prototypes.grad is None) == frozen


def test_swavs_queue_is_used_once_full_and_scored_with_the_current_prototypes(monkeypatch: pytest.MonkeyPatch) -> None:
    method = swav(queue=12, queue_from_epoch=1)
    monkeypatch.setattr(SwAV, "current_epoch", 0)
    method.pairs(random_batch())
    method.after_step()
    assert (method.queues[0].ids == -1).all()  # not yet
    monkeypatch.setattr(SwAV, "current_epoch", 1)
    for step in range(2):
        pairs = method.pairs(random_batch(step))
        z = method.encoder(random_batch(step).views[0])[1]
        torch.testing.assert_close(pairs.codes[:N], sinkhorn(z @ method.prototypes.T))  # 8 of 12: not full
        method.after_step()
    with torch.no_grad():
        method.prototypes.copy_(method.prototypes.roll(1, 0))
    codes = method.pairs(random_batch(2)).codes
    for view, rows in enumerate((codes[:N], codes[N:])):
        z = torch.cat([method.queues[view].keys, method.encoder(random_batch(2).views[view])[1]])
        torch.testing.assert_close(rows, sinkhorn(z @ method.prototypes.T)[-N:])


def test_swavs_settings_reach_its_codes() -> None:
    method = swav(epsilon=0.5, sinkhorn_iterations=1)
    scores = method.encoder(random_batch().views[0])[1] @ method.prototypes.T
    torch.testing.assert_close(method.pairs(random_batch()).codes[:N], sinkhorn(scores, 0.5, 1))
    assert not torch.allclose(sinkhorn(scores, 0.5, 1), sinkhorn(scores), atol=1e-3)
