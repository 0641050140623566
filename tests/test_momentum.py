import pytest
import torch
from torch import nn

from contrastive_lab.encoder import Encoder
from contrastive_lab.momentum import KeyEncoder
from contrastive_lab.randomness import StepRandom
from tests.test_method.batches import linear_encoder


def moved(encoder: Encoder) -> Encoder:
    """The encoder after every weight was changed."""
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    return encoder


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.999, 1.0])
def test_a_step_is_the_linear_interpolation_to_the_bit(momentum: float, dtype: torch.dtype) -> None:
    encoder = linear_encoder().to(dtype)
    key = KeyEncoder(encoder, momentum)
    before = [parameter.clone() for parameter in key.encoder.parameters()]
    key.follow(moved(encoder))
    for old, new, ours in zip(before, encoder.parameters(), key.encoder.parameters(), strict=True):
        assert torch.equal(ours, old.lerp(new, 1 - momentum))


def test_the_distance_to_a_resting_encoder_falls_by_the_momentum_at_each_step() -> None:
    encoder = linear_encoder()
    key = KeyEncoder(encoder, momentum=0.9)
    start, goal = key.encoder.backbone.map.weight.clone(), moved(encoder).backbone.map.weight
    for _ in range(7):
        key.follow(encoder)
    torch.testing.assert_close(key.encoder.backbone.map.weight - goal, 0.9**7 * (start - goal))


def test_statistics_come_from_the_copys_own_passes() -> None:
    encoder = nn.Sequential(nn.BatchNorm1d(3))
    key = KeyEncoder(encoder, momentum=0.0)
    encoder(torch.randn(5, 3) + 7)
    key.follow(encoder)
    assert not key.encoder[0].running_mean.any()


def test_keys_have_no_gradient_and_keep_the_order_of_the_images() -> None:
    encoder, images = linear_encoder(), torch.randn(6, 3, 2, 2, dtype=torch.float64)
    random = StepRandom(0, 0, 0, 6, 0, 6)
    for shuffle in (False, True):
        keys = KeyEncoder(encoder, 0.5, shuffle)(images, random)
        torch.testing.assert_close(keys, encoder(images)[1].detach())
        assert not keys.requires_grad


@pytest.mark.parametrize("momentum", [-0.1, 1.1])
def test_momentum_lies_in_0_to_1(momentum: float) -> None:
    with pytest.raises(ValueError, match=rf"momentum must lie in \[0, 1\], not {momentum}"):
        KeyEncoder(linear_encoder(), momentum)
