"""The heads of the encoder and the order of its rows."""

from collections.abc import Callable

import pytest
import torch
from omegaconf import DictConfig
from torch import nn

from contrastive_lab.backbone import small_resnet
from contrastive_lab.encoder import Encoder, build_head
from contrastive_lab.errors import ConfigError


@pytest.mark.parametrize(
    ("kind", "layers"),
    [
        ("none", []),
        ("linear", ["Linear"]),
        ("mlp", ["Linear", "ReLU", "Linear"]),
        ("mlp_bn", ["Linear", "BatchNorm1d", "ReLU", "Linear", "BatchNorm1d"]),
    ],
)
def test_heads(kind: str, layers: list[str]) -> None:
    head = build_head(kind, features=16, dim=3)  # type: ignore[arg-type]
    assert [type(m).__name__ for m in head.modules() if not list(m.children())] == (layers or ["Identity"])
    encoder = Encoder(small_resnet((8, 16)), head)
    h, z = encoder(torch.randn(5, 3, 12, 12))
    assert h.shape == (5, 16)
    assert z.shape == (5, encoder.dim) == (5, 16 if kind == "none" else 3)
    torch.testing.assert_close(z.norm(dim=1), torch.ones(5))


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize(("kind", "parts"), [("mlp", ["Linear"]), ("mlp_bn", ["Linear", "BatchNorm1d"])])
def test_heads_of_one_to_three_layers(kind: str, parts: list[str], layers: int) -> None:
    head = build_head(kind, features=8, dim=3, hidden=5, beta=False, layers=layers)  # type: ignore[arg-type]
    names = [type(part).__name__ for part in head]
    assert names == [*parts, "ReLU", *parts, "ReLU", *parts][: (len(parts) + 1) * layers - 1]
    linears = [part for part in head if isinstance(part, nn.Linear)]
    assert [(part.in_features, part.out_features) for part in linears] == {
        1: [(8, 3)], 2: [(8, 5), (5, 3)], 3: [(8, 5), (5, 5), (5, 3)]
    }[layers]  # fmt: skip
    beta = [part.bias is not None for part in head if isinstance(part, nn.BatchNorm1d)]
    assert beta == ([True] * (layers - 1) + [False] if kind == "mlp_bn" else [])


@pytest.mark.parametrize("layers", [0, 4])
def test_other_numbers_of_layers_are_an_error(layers: int, compose: Callable[..., DictConfig]) -> None:
    with pytest.raises(ConfigError, match=f"^head.layers={layers}: must be between 1 and 3$"):
        compose(f"head.layers={layers}")


def test_simclrs_last_norm_has_no_beta_and_simos_has() -> None:
    simclr, simo = build_head("mlp_bn", 8, beta=False)[-1], build_head("mlp_bn", 8, beta=True)[-1]
    assert simclr.bias is None and simclr.weight is not None
    assert simo.bias is not None and simo.weight is not None
    assert all(layer.bias is None for layer in build_head("mlp_bn", 8) if isinstance(layer, nn.Linear))


def test_swavs_head_ends_in_a_linear_layer_with_biases() -> None:
    head = build_head("mlp_bn", 8, dim=4, hidden=6, last_norm=False)
    assert [type(part) for part in head] == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear]
    assert all(part.bias is not None for part in head if isinstance(part, nn.Linear))
    assert head[0].weight.abs().max() < 8**-0.5  # PyTorch's own start: uniform up to 1 / sqrt(inputs)
    assert head[0].weight.std() > 0.1


def test_an_unknown_head_is_an_error() -> None:
    with pytest.raises(ValueError, match="not 'deep'"):
        build_head("deep", 8)  # type: ignore[arg-type]


def test_views_of_an_image_are_consecutive_rows() -> None:
    encoder = Encoder(small_resnet((8, 16)), nn.Identity()).eval()
    views = [torch.randn(3, 3, 8, 8) for _ in range(2)]
    h, z = encoder.forward_views(views)
    for view, features, vectors in zip(views, h, z, strict=True):
        torch.testing.assert_close(features, encoder(view)[0])
        torch.testing.assert_close(vectors, encoder(view)[1])
