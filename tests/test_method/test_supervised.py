from collections.abc import Callable

import pytest
import torch
from omegaconf import DictConfig
from torch import nn
from torch.nn import functional as F

from contrastive_lab.errors import ConfigError
from contrastive_lab.method import Supervised
from contrastive_lab.optim import Optim
from tests.test_method.batches import D, N, labelled_batch, linear_encoder, random_batch


def test_supervised_is_cross_entropy_on_features() -> None:
    method = Supervised(linear_encoder(), classes=3).double()
    classes = torch.arange(N) % 3
    single = labelled_batch(classes)._replace(views=random_batch().views[:1])
    features = method.encoder(single.views[0])[0]
    expected = F.cross_entropy(features @ method.classifier.weight.T + method.classifier.bias, classes)
    torch.testing.assert_close(method.losses(method.pairs(single)).mean(), expected)


def test_cross_entropy_has_no_temperature(compose: Callable[..., DictConfig]) -> None:
    with pytest.raises(ConfigError, match=r"^tau=0.2: Supervised has none"):
        compose("method=supervised", "tau=0.2")


def test_a_frozen_backbone_stays_as_it_is_in_eval_mode() -> None:
    encoder = linear_encoder()
    encoder.backbone.map = nn.Sequential(encoder.backbone.map, nn.BatchNorm1d(D)).double()
    method, single = Supervised(encoder, classes=3, frozen=True).double(), labelled_batch(torch.arange(N) % 3)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    method.train()
    assert method.training and not encoder.training
    optimizer = Optim(nesterov=True).configure(method, 10, 5)["optimizer"]
    method(single)[1].mean().backward()
    optimizer.step()
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    assert [*map(id, optimizer.param_groups[0]["params"])] == [*map(id, method.classifier.parameters())]
    assert method.classifier.bias.any()
    assert Supervised(linear_encoder(), classes=3).train().encoder.training


def test_the_classifier_starts_small_and_by_the_seed_alone() -> None:
    first, again, other = (Supervised(linear_encoder(), 400, seed=seed).classifier for seed in (0, 0, 1))
    assert torch.equal(first.weight, again.weight) and not torch.equal(first.weight, other.weight)
    assert not first.bias.any()
    assert first.weight.std().item() == pytest.approx(0.01, rel=4 * (2 * first.weight.numel()) ** -0.5)
