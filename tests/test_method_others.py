"""SwAV, NPID, the yardsticks with labels, and multi-crop in every method."""

import math
from collections.abc import Callable

import pytest
import torch
from omegaconf import DictConfig
from torch.nn import functional as F

from contrastive_lab.assignment import sinkhorn
from contrastive_lab.augment import Color, Crop, Recipe
from contrastive_lab.dataset import Batch, Splits, ViewsDataModule
from contrastive_lab.errors import ConfigError
from contrastive_lab.losses import info_nce, nce
from contrastive_lab.method import NPID, MoCo, SimCLR, SiMo, SupCon, Supervised, SwAV
from contrastive_lab.randomness import StepRandom
from contrastive_lab.run.build import build_method
from tests.test_method import D, N, batch, encoder


def npid(**options: object) -> NPID:
    method = NPID(encoder(), **options).double()  # type: ignore[arg-type]
    method.make_bank(40)
    return method.double()


def one_view(step: int = 0) -> Batch:
    return batch(step)._replace(views=batch(step).views[:1])


def test_npid_contrasts_with_bank_entries_and_writes_after_the_step() -> None:
    method = npid(K=6, tau=0.1)
    before = method.bank.entries.clone()
    pairs = method.pairs(one_view())
    query = method.encoder(batch().views[0])[1]
    torch.testing.assert_close(pairs.pos, (query * before[:N]).sum(1))
    for i in range(N):
        torch.testing.assert_close(pairs.neg[i], before[pairs.neg_ids[i]] @ query[i])
    assert not (pairs.neg_ids == pairs.ids[:, None]).any()
    assert torch.equal(method.bank.entries, before)
    method.after_step()
    torch.testing.assert_close(method.bank.entries[:N], F.normalize(0.5 * before[:N] + 0.5 * query.detach(), dim=1))


def test_npid_without_K_is_the_softmax_over_all_images() -> None:
    method = npid(K=None, tau=0.1)
    pairs = method.pairs(one_view())
    scores = method.encoder(batch().views[0])[1] @ method.bank.entries.T / 0.1
    assert pairs.neg.shape == (N, 39)
    torch.testing.assert_close(method.losses(pairs), F.cross_entropy(scores, torch.arange(N), reduction="none"))


def test_npids_dials_reach_the_bank() -> None:
    method = npid(K=6, tau=0.1, bank_momentum=0.9)
    before = method.bank.entries.clone()
    method.pairs(one_view())
    method.after_step()
    query = method.encoder(batch().views[0])[1].detach()
    torch.testing.assert_close(method.bank.entries[:N], F.normalize(0.9 * before[:N] + 0.1 * query, dim=1))
    own = npid(K=4000, tau=0.1, positive_drawn=True).pairs(one_view())
    share = (own.neg_ids == own.ids[:, None]).double().mean().item()
    assert share == pytest.approx(1 / 40, abs=4 * (1 / 40 / (4000 * N)) ** 0.5)


def test_npid_reports_the_mi_of_its_cosines_whatever_it_is_trained_with() -> None:
    values = []
    for options in ({}, {"loss": "nce"}, {"proximal": 5.0}):
        method = npid(K=6, tau=0.1, **options)
        assert method.loss_is_infonce is not bool(options)
        pairs = method.pairs(one_view())
        values.append(method.diagnose(pairs, method.losses(pairs), one_view()))
        expected = math.log(7) - info_nce(pairs.pos, pairs.neg, 0.1).item()
        assert values[-1]["mi_estimate"].item() == pytest.approx(expected)
        assert values[-1]["gradient_norm"] <= values[-1]["gradient_bound"]


def test_npids_Z_is_finite_where_float32_has_no_room_for_it() -> None:
    method = npid(K=6, tau=0.002, loss="nce").float()
    losses = method.losses(method.pairs(one_view()._replace(views=[batch().views[0].float()])))
    assert losses.isfinite().all() and 100 < method.log_normaliser.item() < 600


def test_npid_nce_keeps_the_Z_of_the_first_batch() -> None:
    method = npid(K=6, tau=0.1, loss="nce", proximal=0.3)
    pairs = method.pairs(one_view())
    Z = (pairs.neg / 0.1).exp().mean() * 40
    expected = nce(pairs.pos, pairs.neg, 0.1, 40, Z.log()) + 0.3 * (2 - 2 * pairs.pos)
    torch.testing.assert_close(method.losses(pairs), expected)
    method.after_step()
    method.losses(method.pairs(one_view(1)))
    method.after_step()
    torch.testing.assert_close(method.log_normaliser, Z.detach().log())


def swav(**options: object) -> SwAV:
    return SwAV(encoder(), prototypes=7, **options).double()  # type: ignore[arg-type]


def test_swav_predicts_the_codes_of_the_other_view() -> None:
    method = swav(tau=0.3)
    method.prototypes.data = F.normalize(method.prototypes.data, dim=1)
    pairs = method.pairs(batch())
    scores = [method.encoder(view)[1] @ method.prototypes.T for view in batch().views]
    codes = [sinkhorn(s.detach()) for s in scores]
    # SwAV, Eq. 1: the code of each view from the scores of the other.
    expected = -(codes[0] * (scores[1] / 0.3).log_softmax(1)).sum(1).mean()
    expected = expected - (codes[1] * (scores[0] / 0.3).log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(method.losses(pairs).mean(), expected / 2)
    assert not pairs.codes.requires_grad


def test_swavs_prototypes_keep_unit_length_and_are_frozen_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    method = swav()
    method.freeze_steps = 2
    method.pairs(batch())
    with torch.no_grad():
        method.prototypes.mul_(3)
    method.after_step()
    torch.testing.assert_close(method.prototypes.norm(dim=1), torch.ones(7, dtype=torch.float64))
    for step, frozen in ((0, True), (1, True), (2, False)):
        monkeypatch.setattr(SwAV, "global_step", step)
        method.prototypes.grad = torch.ones_like(method.prototypes)
        method.on_before_optimizer_step(None)  # type: ignore[arg-type]
        assert (method.prototypes.grad is None) == frozen


def test_swavs_queue_is_used_once_full_and_scored_with_the_current_prototypes(monkeypatch: pytest.MonkeyPatch) -> None:
    method = swav(queue=12, queue_from_epoch=1)
    monkeypatch.setattr(SwAV, "current_epoch", 0)
    method.pairs(batch())
    method.after_step()
    assert (method.queues[0].ids == -1).all()  # not yet
    monkeypatch.setattr(SwAV, "current_epoch", 1)
    for step in range(2):
        pairs = method.pairs(batch(step))
        z = method.encoder(batch(step).views[0])[1]
        torch.testing.assert_close(pairs.codes[:N], sinkhorn(z @ method.prototypes.T))  # 8 of 12: not full
        method.after_step()
    with torch.no_grad():
        method.prototypes.copy_(method.prototypes.roll(1, 0))
    codes = method.pairs(batch(2)).codes
    for view, rows in enumerate((codes[:N], codes[N:])):
        z = torch.cat([method.queues[view].keys, method.encoder(batch(2).views[view])[1]])
        torch.testing.assert_close(rows, sinkhorn(z @ method.prototypes.T)[-N:])


def test_swavs_dials_reach_its_codes() -> None:
    method = swav(epsilon=0.5, sinkhorn_iterations=1)
    scores = method.encoder(batch().views[0])[1] @ method.prototypes.T
    torch.testing.assert_close(method.pairs(batch()).codes[:N], sinkhorn(scores, 0.5, 1))
    assert not torch.allclose(sinkhorn(scores, 0.5, 1), sinkhorn(scores), atol=1e-3)


def test_swavs_prototypes_are_frozen_for_epochs_whatever_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    method = swav(freeze_epochs=1.5)
    monkeypatch.setattr(SwAV, "trainer", type("Trainer", (), {"num_training_batches": 20}))
    method.on_train_start()
    assert method.freeze_steps == 30


def labelled(classes: torch.Tensor) -> Batch:
    return batch()._replace(classes=classes)


def test_supcon_finds_the_positives_of_its_class() -> None:
    classes = torch.tensor([0, 1, 2, 0, 1, 2, 0, 3])
    method = SupCon(encoder(), tau=0.2).double()
    pairs = method.pairs(labelled(classes))
    twice = torch.cat([classes, classes])
    expected = (twice[:, None] == twice) & ~torch.eye(2 * N, dtype=torch.bool)
    assert torch.equal(pairs.positives, expected)
    z = torch.cat([method.encoder(view)[1] for view in batch().views])
    torch.testing.assert_close(pairs.cosines, z @ z.T)


def test_supcon_without_two_of_a_class_is_simclr() -> None:
    found = SupCon(encoder(), tau=0.2).double()
    simclr = SimCLR(encoder(), tau=0.2).double().pairs(batch())
    losses = found.losses(found.pairs(labelled(torch.arange(N))))
    torch.testing.assert_close(losses, info_nce(simclr.pos, simclr.neg, 0.2, reduction="none"))


def test_supervised_is_cross_entropy_on_features() -> None:
    method = Supervised(encoder())
    method.make_classifier(3)
    method = method.double()
    classes = torch.arange(N) % 3
    single = labelled(classes)._replace(views=batch().views[:1])
    features = method.encoder(single.views[0])[0]
    expected = F.cross_entropy(features @ method.classifier.weight.T + method.classifier.bias, classes)
    torch.testing.assert_close(method.losses(method.pairs(single)).mean(), expected)


@pytest.mark.parametrize("name", ["swav", "supervised", "supcon"])
def test_methods_without_negatives_refuse_K_and_alpha(name: str, compose: Callable[..., DictConfig]) -> None:
    for dial in ("K=16", "alpha=256"):
        with pytest.raises(ConfigError, match=r"has no negatives; its settings are"):
            compose(f"method={name}", dial)


def test_the_yardstick_of_cross_entropy_refuses_a_temperature(compose: Callable[..., DictConfig]) -> None:
    with pytest.raises(ConfigError, match=r"^tau=0.2: cross-entropy has none"):
        compose("method=supervised", "tau=0.2")


@pytest.mark.parametrize(
    ("scale", "method", "rate"), [("laptop", "swav", 0.6), ("cifar", "supervised", 0.1), ("cifar", "simo", 0.03)]
)
def test_a_scale_keeps_the_rates_of_methods_of_another_kind(
    scale: str, method: str, rate: float, compose: Callable[..., DictConfig]
) -> None:
    assert compose(f"method={method}", f"scale={scale}").base_lr == rate
    assert compose(f"method={method}", f"scale={scale}", "base_lr=0.7").base_lr == 0.7


@pytest.mark.parametrize(
    ("scale", "method", "tau"),
    [
        ("laptop", "moco_v1", 0.2),
        ("laptop", "simclr", 0.2),
        ("cifar", "npid", 0.1),
        ("cifar", "simclr", 0.1),
        ("cifar", "moco_v1", 0.07),
    ],
)
def test_a_scale_may_have_temperatures_of_its_own(
    scale: str, method: str, tau: float, compose: Callable[..., DictConfig]
) -> None:
    assert compose(f"method={method}", f"scale={scale}").tau == tau
    assert compose(f"method={method}", f"scale={scale}", "tau=0.3").tau == 0.3


@pytest.mark.parametrize("make", [SimCLR, SiMo, MoCo, SupCon, SwAV, npid])
def test_every_method_takes_multi_crop(make: Callable[..., object], splits: Splits) -> None:
    """Small views are further queries; the encoder here takes any size."""
    from torch import nn

    from contrastive_lab.backbone import small_resnet
    from contrastive_lab.encoder import Encoder

    net = Encoder(small_resnet((8, 16)), nn.Linear(16, D))
    if make is npid:
        method = NPID(net, K=5)
        method.make_bank(120)
    else:
        method = make(net, **({"K": 5} if make in (SimCLR, SiMo, MoCo) else {}))  # type: ignore[assignment]
    recipe = Recipe(12, [0.5], [0.25], Crop(), 0.5, Color(), 0.2, 0.0, small_views=3, small_size=6)
    large = 1 if make is npid else 2
    data = ViewsDataModule(splits, recipe, batch_size=20, views=large)
    made = data.batch(next(iter(data.positions(0))))
    assert [tuple(view.shape[-2:]) for view in made.views] == [(12, 12)] * large + [(6, 6)] * 3
    pairs = method.pairs(made)
    queries = {SimCLR: 5, SupCon: 5, SwAV: 2 * 4, npid: 4}.get(make, 4) * 20  # type: ignore[call-overload]
    losses = method.losses(pairs)
    assert losses.shape == (queries,)
    assert losses.isfinite().all()
    losses.mean().backward()


def test_a_small_view_is_a_query_for_the_key_of_a_large_one() -> None:
    """SiMo, with a third view of the same size: its row of cosines is that of a query."""
    method = SiMo(encoder(), K=3, momentum=0.5).double()
    third = torch.randn_like(batch().views[0])
    more = batch()._replace(views=[*batch().views, third])
    pairs, key = method.pairs(more), method.key_encoder(batch().views[1], batch().random)
    torch.testing.assert_close(pairs.pos[N:], (method.encoder(third)[1] * key).sum(1))
    torch.testing.assert_close(pairs.pos[:N], method.pairs(batch()).pos)


def test_views_of_one_view_methods_are_the_first_and_the_small_ones(splits: Splits) -> None:
    recipe = Recipe(12, [0.5], [0.25], Crop(), 0.5, Color(), 0.2, 0.0, small_views=1, small_size=12)
    both, single = (ViewsDataModule(splits, recipe, batch_size=20, views=views) for views in (2, 1))
    views = [data.batch(next(iter(data.positions(0)))).views for data in (both, single)]
    assert torch.equal(views[0][0], views[1][0])
    assert torch.equal(views[0][2], views[1][1])


@pytest.mark.parametrize("name", ["swav", "npid", "supervised", "supcon"])
def test_yaml_builds_the_method(name: str, compose: Callable[..., DictConfig]) -> None:
    method = build_method(compose(f"method={name}", "backbone.widths=[8,16]", "head.dim=16"))
    assert type(method).__name__.lower() == name


def test_draws_of_further_views_differ() -> None:
    random = StepRandom(0, 0, 0, 8, 0, 8)
    assert not torch.equal(random.uniform("crop/2", 3), random.uniform("crop/3", 3))
