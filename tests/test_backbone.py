"""Backbones: their sizes, stems and first weights, timm's names and the mean of word vectors."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import torchvision
from hydra.utils import instantiate
from omegaconf import DictConfig
from torch import nn

from contrastive_lab.backbone import (
    BagOfWords,
    OfEachNthPixel,
    imagenet_resnet,
    small_image_resnet,
    small_resnet,
    timm_model,
)


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
    for net in (small_resnet((8, 16), zero_init_residual=zero), small_image_resnet("resnet18", zero)):
        last = [m.bn2.weight for m in net.modules() if hasattr(m, "bn2")]
        assert last
        assert all((weight == 0).all() == zero for weight in last)


@pytest.mark.parametrize(("stride", "size"), [(1, 28), (2, 14)])
def test_small_resnet_halves_at_each_width(stride: int, size: int) -> None:
    net = small_resnet((8, 16, 32), stem_stride=stride)
    x = net.stem(torch.zeros(1, 3, 28, 28))
    sizes = []
    for block in net.blocks:
        x = block(x)
        sizes.append(x.shape[-1])
    assert sizes == [size, size // 2, -(-size // 4)]
    assert net(torch.zeros(2, 3, 28, 28)).shape == (2, 32)


@pytest.mark.parametrize("size", [5, 8])
def test_each_nth_pixel_is_a_convolution_with_a_stride(size: int) -> None:
    conv = OfEachNthPixel(2, 3, 2).double()
    x = torch.randn(4, 2, size, size, dtype=torch.float64)
    torch.testing.assert_close(conv(x), F.conv2d(x, conv.weight, stride=2))
    assert sorted(conv.state_dict()) == ["weight"]


@pytest.mark.parametrize("channels", [1, 4, 8, 12, 16])
def test_gradients_of_few_channels_are_those_of_float64(channels: int) -> None:
    skip = small_resnet((channels, 2 * channels)).blocks[1].downsample[0]  # a stride of 2, at which oneDNN #6035 is met
    plain = copy.deepcopy(skip).double()  # which oneDNN does not take
    images, pull = torch.randn(16, channels, 48, 48), torch.randn(16, 2 * channels, 24, 24)
    skip.to(memory_format=torch.channels_last)
    (skip(images.contiguous(memory_format=torch.channels_last)) * pull).sum().backward()
    (plain(images.double()) * pull).sum().backward()
    torch.testing.assert_close(skip.weight.grad.double(), plain.weight.grad, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize(
    "name", sorted({path.stem for path in Path("conf/backbone").glob("*.yaml")} - {"bag_of_words"})
)
def test_every_yaml_builds_features_of_its_width(name: str, compose: Callable[..., DictConfig]) -> None:
    node = {k: v for k, v in compose(f"backbone={name}").backbone.items() if k != "name"}
    with torch.device("meta"):  # shapes without numbers: the widest has 1.5 GB of them
        net = instantiate(node).eval()
        assert net(torch.zeros(1, 3, 32, 32)).shape == (1, net.num_features)


def resnet50_parameters(width: int, stem: int) -> int:
    """Parameters of a ResNet-50 without its classifier, `width` times the channels, first convolution `stem` wide.

    A convolution has in * out * size**2 parameters, a batch normalisation 2 a channel. A block goes from `inputs` to c
    (1x1), to c (3x3), to 4c (1x1); the first of a stage has a 1x1 convolution beside it.
    """

    def layer(inputs: int, outputs: int, size: int) -> int:
        return inputs * outputs * size**2 + 2 * outputs

    inputs = 64 * width
    total = layer(3, inputs, stem)
    for c, blocks in ((64 * width, 3), (128 * width, 4), (256 * width, 6), (512 * width, 3)):
        total += layer(inputs, 4 * c, 1)
        for _ in range(blocks):
            total += layer(inputs, c, 1) + layer(c, c, 3) + layer(c, 4 * c, 1)
            inputs = 4 * c
    return total


@pytest.mark.parametrize(("width", "millions"), [(1, 23.5), (2, 93.9), (4, 375.4)])
def test_wide_resnets_have_the_papers_size(width: int, millions: float) -> None:
    # EqCo, Table 8: 94 M (2x) and 375 M (4x); 23.5 M is ResNet-50 without its classifier.
    with torch.device("meta"):
        net, small = imagenet_resnet("resnet50", width=width), small_image_resnet("resnet50", width=width)
    assert parameters(net) == resnet50_parameters(width, stem=7)
    assert parameters(small) == resnet50_parameters(width, stem=3)
    assert parameters(net) == pytest.approx(millions * 1e6, abs=0.05e6)
    assert net.num_features == small.num_features == 2048 * width
    assert small(torch.zeros(2, 3, 32, 32, device="meta")).shape == (2, 2048 * width)


def test_a_wide_resnet_starts_as_torchvisions_does() -> None:
    torch.manual_seed(0)
    net = imagenet_resnet("resnet18", zero_init_residual=True, width=2)
    for block in (m for m in net.modules() if hasattr(m, "bn2")):
        assert block.bn1.weight.unique().tolist() == [1]
        assert block.bn2.weight.unique().tolist() == [0]
        for conv in (block.conv1, block.conv2):  # He et al. 2015: variance 2 / (outputs * 3 * 3)
            assert float(conv.weight.detach().std()) == pytest.approx((2 / (conv.out_channels * 9)) ** 0.5, rel=0.02)


def test_any_timm_name() -> None:
    net = timm_model("resnet10t", zero_init_residual=True)
    assert net(torch.zeros(2, 3, 32, 32)).shape == (2, net.num_features)
    wider = timm_model("mobilenetv3_small_050").eval()  # widens after its last block
    assert wider(torch.zeros(1, 3, 32, 32)).shape == (1, wider.num_features)
    with pytest.raises(ValueError, match="timm has no such model"):
        timm_model("resnet_of_nobody")


def test_the_backbone_is_the_mean_of_the_words_vectors() -> None:
    net = BagOfWords(["a", "b", "c"], features=4)
    vectors = net.embedding.weight.detach().double()
    ids = torch.tensor([[1, 3, 3, 0], [2, 0, 0, 0], [0, 1, 0, 2], [0, 0, 0, 0]], dtype=torch.int32)
    found = net(ids).double()
    for row, h in zip(ids.tolist(), found, strict=True):
        known = [vectors[i] for i in row if i]
        expected = sum(known) / len(known) if known else torch.zeros(4, dtype=torch.float64)
        torch.testing.assert_close(h, expected, rtol=0, atol=1e-6)
    assert (net.num_features, len(vectors)) == (4, 4)
