from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchvision
from hydra.utils import instantiate
from omegaconf import DictConfig
from torch import nn

from contrastive_lab.backbone import imagenet_resnet, small_image_resnet, small_resnet, timm_model
from contrastive_lab.encoder import Encoder, build_head


def parameters(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(("arch", "width"), [("resnet18", 512), ("resnet50", 2048)])
def test_the_small_stem_keeps_32_pixels(arch: str, width: int) -> None:
    net = small_image_resnet(arch)
    assert net.conv1(torch.zeros(1, 3, 32, 32)).shape == (1, 64, 32, 32)  # solo-learn's padding of 2 gives 34
    seen = []
    net.layer1.register_forward_hook(lambda _, args, out: seen.append(out.shape[-1]))
    assert net(torch.zeros(2, 3, 32, 32)).shape == (2, width)
    assert net.num_features == width
    assert seen == [32]  # no max-pooling


def test_resnet50_is_torchvisions_without_its_classifier() -> None:
    # torchvision's documentation: 25,557,032 parameters, of which the classifier has 2048 * 1000 + 1000.
    assert parameters(imagenet_resnet("resnet50")) == 25_557_032 - 2_049_000
    assert set(imagenet_resnet("resnet50").state_dict()) | {"fc.weight", "fc.bias"} == set(
        torchvision.models.resnet50().state_dict()
    )


@pytest.mark.parametrize("zero", [True, False])
def test_zero_init_residual_makes_blocks_the_identity(zero: bool) -> None:
    for net in (small_resnet((4, 8), zero_init_residual=zero), small_image_resnet("resnet18", zero)):
        last = [m.bn2.weight for m in net.modules() if hasattr(m, "bn2")]
        assert last
        assert all((weight == 0).all() == zero for weight in last)


@pytest.mark.parametrize(("stride", "size"), [(1, 28), (2, 14)])
def test_small_resnet_halves_at_each_width(stride: int, size: int) -> None:
    net = small_resnet((4, 8, 16), stem_stride=stride)
    x = net.stem(torch.zeros(1, 3, 28, 28))
    sizes = []
    for block in net.blocks:
        x = block(x)
        sizes.append(x.shape[-1])
    assert sizes == [size, size // 2, -(-size // 4)]
    assert net(torch.zeros(2, 3, 28, 28)).shape == (2, 16)


def test_any_timm_name() -> None:
    net = timm_model("resnet10t", zero_init_residual=True)
    assert net(torch.zeros(2, 3, 32, 32)).shape == (2, net.num_features)
    with pytest.raises(ValueError, match="timm has no such model"):
        timm_model("resnet_of_nobody")


@pytest.mark.parametrize("name", sorted(path.stem for path in Path("conf/backbone").glob("*.yaml")))
def test_every_yaml_builds_features_of_its_width(name: str, compose: Callable[..., DictConfig]) -> None:
    node = {k: v for k, v in compose(f"backbone={name}").backbone.items() if k != "name"}
    net = instantiate(node).eval()
    assert net(torch.zeros(1, 3, 32, 32)).shape == (1, net.num_features)


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
    head = build_head(kind, features=8, dim=3)  # type: ignore[arg-type]
    assert [type(m).__name__ for m in head.children()] == layers or kind in ("none", "linear")
    encoder = Encoder(small_resnet((4, 8)), head)
    h, z = encoder(torch.randn(5, 3, 12, 12))
    assert h.shape == (5, 8)
    assert z.shape == (5, encoder.dim) == (5, 8 if kind == "none" else 3)
    torch.testing.assert_close(z.norm(dim=1), torch.ones(5))


def test_simclrs_last_norm_has_no_weights_and_simos_has() -> None:
    assert build_head("mlp_bn", 8, scale=False)[-1].weight is None
    assert build_head("mlp_bn", 8, scale=True)[-1].weight is not None
    assert all(layer.bias is None for layer in build_head("mlp_bn", 8) if isinstance(layer, nn.Linear))
    with pytest.raises(ValueError, match="not 'deep'"):
        build_head("deep", 8)  # type: ignore[arg-type]


def test_views_of_an_image_are_consecutive_rows() -> None:
    encoder = Encoder(small_resnet((4, 8)), nn.Identity()).eval()
    views = [torch.randn(3, 3, 8, 8) for _ in range(2)]
    h, z = encoder.forward_views(views)
    for view, features, vectors in zip(views, h, z, strict=True):
        torch.testing.assert_close(features, encoder(view)[0])
        torch.testing.assert_close(vectors, encoder(view)[1])
