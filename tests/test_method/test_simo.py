from collections.abc import Callable

import pytest
import torch
from omegaconf import DictConfig

from contrastive_lab.losses import info_nce
from contrastive_lab.method import SiMo
from contrastive_lab.run.build import build_data, build_method
from tests.test_method.batches import N, linear_encoder, random_batch


@pytest.mark.parametrize("share", ["query", "batch"])
def test_simo_contrasts_queries_with_chosen_keys_of_the_key_encoder(share: str) -> None:
    method = SiMo(linear_encoder(), K=3, negatives_per=share, momentum=0.5).double()  # type: ignore[arg-type]
    with torch.no_grad():
        method.encoder.backbone.map.weight.mul_(-1.0)  # else queries' and keys' encoders could be mistaken
    pairs = method.pairs(random_batch())
    query = method.encoder(random_batch().views[0])[1].detach()
    key = method.key_encoder.encoder(random_batch().views[1])[1]
    for i in range(N):
        assert pairs.pos[i].item() == pytest.approx((query[i] @ key[i]).item())
        for k in range(3):
            assert pairs.neg[i, k].item() == pytest.approx((query[i] @ key[pairs.neg_ids[i, k]]).item())


def test_key_encoder_follows_and_gets_no_gradient() -> None:
    method = SiMo(linear_encoder(), K=3, momentum=0.75).double()
    with torch.no_grad():
        method.encoder.backbone.map.weight.add_(1.0)
    before = method.key_encoder.encoder.backbone.map.weight.clone()
    method.after_step()
    moved = method.key_encoder.encoder.backbone.map.weight - before
    torch.testing.assert_close(moved, torch.full_like(moved, 0.25))
    pairs = method.pairs(random_batch())
    info_nce(pairs.pos, pairs.neg, 0.2).backward()
    assert all(p.grad is None for p in method.key_encoder.parameters())
    assert method.encoder.backbone.map.weight.grad is not None


def test_shuffling_permutes_images_and_puts_keys_back() -> None:
    plain, shuffled = (SiMo(linear_encoder(), batchnorm=kind).double() for kind in ("sync", "shuffle"))
    keys = [method.key_encoder(random_batch().views[1], random_batch().random) for method in (plain, shuffled)]
    torch.testing.assert_close(*keys)  # no batch normalisation here, so nothing but the order could differ
    seen = []
    shuffled.key_encoder.encoder.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    shuffled.key_encoder(random_batch().views[1], random_batch().random)
    assert not torch.equal(seen[0], random_batch().views[1])


def test_momentum_0_makes_the_key_encoder_a_copy_after_every_step() -> None:
    """EqCo, Table 6."""
    method = SiMo(linear_encoder(), K=3, momentum=0.0).double()
    with torch.no_grad():
        method.encoder.backbone.map.weight.add_(1.0)
    method.after_step()
    assert torch.equal(method.key_encoder.encoder.backbone.map.weight, method.encoder.backbone.map.weight)


@pytest.mark.parametrize("overrides", [["method.momentum=0"], ["batchnorm=shuffle"], ["method.negatives_per=batch"]])
def test_simos_ablations_build(overrides: list[str], compose: Callable[..., DictConfig]) -> None:
    """EqCo, Tables 6 and 7 and Remark 2."""
    config = compose("method=simo", *overrides, "backbone.widths=[8,16]")
    method = build_method(config, build_data(config))
    found = (method.key_encoder.momentum == 0, method.key_encoder.shuffle, method.negatives_per == "batch")
    assert found == tuple(
        overrides == [text] for text in ("method.momentum=0", "batchnorm=shuffle", "method.negatives_per=batch")
    )


def test_a_small_view_is_a_query_for_the_key_of_a_large_one() -> None:
    """SiMo, with a third view of the same size: its row of cosines is that of a query."""
    method = SiMo(linear_encoder(), K=3, momentum=0.5).double()
    third = torch.randn_like(random_batch().views[0])
    more = random_batch()._replace(views=[*random_batch().views, third])
    pairs, key = method.pairs(more), method.key_encoder(random_batch().views[1], random_batch().random)
    torch.testing.assert_close(pairs.pos[N:], (method.encoder(third)[1] * key).sum(1))
    torch.testing.assert_close(pairs.pos[:N], method.pairs(random_batch()).pos)
