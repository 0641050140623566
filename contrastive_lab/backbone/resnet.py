"""ResNets, all built from torchvision's own blocks.

Every function returns a module images (n, 3, H, W) -> (n, num_features) whose attribute `num_features` is the width.
Source: He et al. 2016; the 3x3 stem for small images is SimCLR's, Appendix B.9.
"""

from collections.abc import Sequence
from typing import Any, cast

import torchvision
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, ResNet


def imagenet_resnet(arch: str = "resnet50", zero_init_residual: bool = False) -> nn.Module:
    """Torchvision's ResNet for images of about 224 pixels, e.g. "resnet50", without its classifier."""
    net = cast(ResNet, getattr(torchvision.models, arch)(zero_init_residual=zero_init_residual))
    return _without_classifier(net)


def small_image_resnet(arch: str = "resnet18", zero_init_residual: bool = False) -> nn.Module:
    """Torchvision's ResNet with a stem for small images: 3x3, stride 1, padding 1, no max-pooling."""
    net = cast(ResNet, getattr(torchvision.models, arch)(zero_init_residual=zero_init_residual))
    net.conv1 = nn.Conv2d(3, 64, kernel_size=3, stride=1, padding=1, bias=False)
    nn.init.kaiming_normal_(net.conv1.weight, mode="fan_out", nonlinearity="relu")
    cast(Any, net).maxpool = nn.Identity()
    return _without_classifier(net)


def small_resnet(
    widths: Sequence[int] = (32, 64, 128), stem_stride: int = 2, zero_init_residual: bool = False
) -> nn.Module:
    """A ResNet that trains in minutes on a laptop: one basic block for each width, each but the first halves the size.

    Args:
        widths: channels of the blocks; the last is the width of the features.
        stem_stride: 2 halves the size at once, 1 keeps it and costs four times the work.
        zero_init_residual: start each block as the identity.
    """
    return SmallResNet(widths, stem_stride, zero_init_residual)


class SmallResNet(nn.Module):
    """3x3 stem, one basic block a width, global average pooling."""

    def __init__(self, widths: Sequence[int], stem_stride: int, zero_init_residual: bool) -> None:
        super().__init__()
        self.num_features = widths[-1]
        stem = _conv(3, widths[0], size=3, stride=stem_stride)
        self.stem = nn.Sequential(stem, nn.BatchNorm2d(widths[0]), nn.ReLU(inplace=True))
        pairs = zip((widths[0], *widths), widths, strict=False)
        self.blocks = nn.Sequential(*(_block(a, b, stride=1 if i == 0 else 2) for i, (a, b) in enumerate(pairs)))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if zero_init_residual and isinstance(module, BasicBlock):
                nn.init.zeros_(module.bn2.weight)

    def forward(self, images: Tensor) -> Tensor:
        """Images (n, 3, H, W) -> (n, widths[-1])."""
        return cast(Tensor, self.blocks(self.stem(images)).mean(dim=(2, 3)))


def _block(inputs: int, outputs: int, stride: int) -> BasicBlock:
    same = inputs == outputs and stride == 1
    skip = None if same else nn.Sequential(_conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))
    return BasicBlock(inputs, outputs, stride, skip)


def _conv(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)


def _without_classifier(net: ResNet) -> nn.Module:
    cast(Any, net).num_features = net.fc.in_features
    cast(Any, net).fc = nn.Identity()
    return cast(nn.Module, net)
