"""Backbones: ResNets of torchvision's own blocks, any model of timm, and bags of words for texts.

Each makes a module images (n, 3, H, W), or of texts ids of words (n, L), -> features (n, num_features), with an
attribute `num_features`. Where there are residual blocks, each starts as the identity with `zero_init_residual`.

Source: He et al. 2016; the 3x3 stem for small images is SimCLR's, Appendix B.9.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, ResNet, conv1x1, conv3x3

LEAST_INPUTS = 16  # channels, as many as a register of AVX-512 holds numbers of 32 bits; see OfEachNthPixel


def imagenet_resnet(
    arch: str = "resnet50", zero_init_residual: bool = False, width: int = 1, pretrained: bool = False
) -> nn.Module:
    """Torchvision's ResNet `arch` for images of about 224 pixels without its classifier.

    `width` multiplies every number of channels: 2 and 4 are the 2x and 4x of the papers (SimCLR, EqCo). Torchvision's
    own wide_resnet50_2 doubles the inner channels of each block alone. `pretrained` takes torchvision's newest weights
    from torch's cache, or downloads them; ValueError with another width.
    """
    net = cast(ResNet, getattr(torchvision.models, arch)(zero_init_residual=zero_init_residual))
    if pretrained:
        if width > 1:
            raise ValueError(f"there are none of backbone.width={width}")
        weights: Any = torchvision.models.get_model_weights(arch)
        net.load_state_dict(weights.DEFAULT.get_state_dict(progress=False, check_hash=True, weights_only=True))
    cast(Any, net).num_features = width * net.fc.in_features
    cast(Any, net).fc = nn.Identity()
    return _widened(net, width) if width > 1 else cast(nn.Module, net)


def small_image_resnet(arch: str = "resnet18", zero_init_residual: bool = False, width: int = 1) -> nn.Module:
    """The same with a stem for small images: 3x3, stride 1, padding 1, no max-pooling."""
    net = imagenet_resnet(arch, zero_init_residual, width)
    stem = conv3x3(3, 64 * width)
    nn.init.kaiming_normal_(stem.weight, mode="fan_out", nonlinearity="relu")
    net.conv1, net.maxpool = stem, nn.Identity()
    return net


def small_resnet(
    widths: Sequence[int] = (32, 64, 128), stem_stride: int = 2, zero_init_residual: bool = False
) -> nn.Module:
    """A ResNet that trains in minutes on a laptop: one basic block for each width, each but the first halves the size.

    The last of `widths`, the channels, is the width of the features. A `stem_stride` of 2 halves the size at once, 1
    keeps it and costs four times the work.
    """
    return SmallResNet(widths, stem_stride, zero_init_residual)


class SmallResNet(nn.Module):
    """3x3 stem, one basic block a width, global average pooling."""

    def __init__(self, widths: Sequence[int], stem_stride: int, zero_init_residual: bool) -> None:
        super().__init__()
        self.num_features = widths[-1]
        self.stem = nn.Sequential(conv3x3(3, widths[0], stem_stride), nn.BatchNorm2d(widths[0]), nn.ReLU(inplace=True))
        pairs = enumerate(pairwise((widths[0], *widths)))
        self.blocks = nn.Sequential(*(_block(a, b, stride=2 if i else 1) for i, (a, b) in pairs))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if zero_init_residual and isinstance(module, BasicBlock):
                nn.init.zeros_(module.bn2.weight)

    def forward(self, images: Tensor) -> Tensor:
        """Images (n, 3, H, W) -> (n, widths[-1])."""
        return cast(Tensor, self.blocks(self.stem(images)).mean(dim=(2, 3)))


def _block(inputs: int, outputs: int, stride: int) -> BasicBlock:
    if inputs == outputs and stride == 1:
        return BasicBlock(inputs, outputs)
    conv = conv1x1(inputs, outputs, stride) if inputs >= LEAST_INPUTS else OfEachNthPixel(inputs, outputs, stride)
    return BasicBlock(inputs, outputs, stride, nn.Sequential(conv, nn.BatchNorm2d(outputs)))


class OfEachNthPixel(nn.Conv2d):
    """A 1x1 convolution without a bias of each `stride`-th pixel of each `stride`-th row.

    It equals the convolution with that stride, without oneDNN's gradient of it. In channels_last, with fewer input
    channels than a register holds numbers, that one writes outside its memory: it crashes, hangs or is wrong
    (oneDNN #6035).
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Images (n, inputs, H, W) -> (n, outputs, ceil(H / stride), ceil(W / stride))."""
        down, across = self.stride
        return F.conv2d(x[:, :, ::down, ::across], self.weight)


def _widened(module: nn.Module, width: int) -> nn.Module:
    """Multiply every number of channels in `module`, but for the three of the images."""
    if isinstance(module, nn.Conv2d):
        inputs = 3 if module.in_channels == 3 else width * module.in_channels
        size, stride, padding = module.kernel_size[0], module.stride[0], int(module.padding[0])
        conv = nn.Conv2d(inputs, width * module.out_channels, size, stride, padding, groups=module.groups, bias=False)
        nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
        return conv
    if isinstance(module, nn.BatchNorm2d):
        norm = nn.BatchNorm2d(width * module.num_features)
        norm.load_state_dict({k: v.repeat(width) if v.ndim else v for k, v in module.state_dict().items()})
        return norm
    for name, child in module.named_children():
        setattr(module, name, _widened(child, width))
    return module


def timm_model(arch: str, zero_init_residual: bool = False, pretrained: bool = False, **options: Any) -> nn.Module:
    """Timm's model `arch`, e.g. "vit_tiny_patch16_224", without its classifier; ValueError if it has none.

    With `pretrained` its weights are those of the cache of the Hugging Face Hub, or downloaded. Options go to
    `timm.create_model`, e.g. `img_size=32` for a ViT. Of timm's models the ResNets alone have `zero_init_residual`.
    """
    import timm  # only here: it takes seconds to import

    if not timm.is_model(arch):
        raise ValueError(f"backbone.arch={arch}: timm has no such model; timm.list_models() lists them")
    net = timm.create_model(arch, pretrained=pretrained, num_classes=0, **options)
    if isinstance(net, timm.models.ResNet) and not pretrained:
        net.init_weights(zero_init_last=zero_init_residual)
    net.num_features = getattr(net, "head_hidden_size", None) or net.num_features  # some widen after the last block
    return net


class BagOfWords(nn.Module):
    """The mean of the vectors of a text's words: ids (n, L), 0 for no word -> (n, features); a text without words is 0.

    The words of `vocabulary` have the ids 1 to V. There are no residual blocks that `zero_init_residual` could change.

    Source: Nozawa & Sato 2021, AG News; EmbeddingBag of 50 features from N(0, 1), read in the authors' code.
    """

    def __init__(self, vocabulary: Sequence[str], features: int = 50, zero_init_residual: bool = False) -> None:
        super().__init__()
        self.num_features = features
        self.embedding = nn.EmbeddingBag(len(vocabulary) + 1, features, mode="mean", padding_idx=0)

    def forward(self, words: Tensor) -> Tensor:
        """Ids (n, L) -> (n, features)."""
        return cast(Tensor, self.embedding(words))
