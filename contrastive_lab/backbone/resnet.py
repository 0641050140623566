"""ResNets, all built from torchvision's own blocks.

Every function returns a module images (n, 3, H, W) -> (n, num_features) whose attribute `num_features` is the width.
Source: He et al. 2016; the 3x3 stem for small images is SimCLR's, Appendix B.9.
"""

from collections.abc import Sequence
from typing import Any, cast

import torchvision
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, ResNet, conv1x1, conv3x3


def imagenet_resnet(arch: str = "resnet50", zero_init_residual: bool = False, width: int = 1) -> nn.Module:
    """Torchvision's ResNet for images of about 224 pixels without its classifier.

    Args:
        arch: e.g. "resnet50".
        zero_init_residual: start each block as the identity.
        width: factor of every number of channels: 2 and 4 are the 2x and 4x of the papers (SimCLR, EqCo). Torchvision's
            own wide_resnet50_2 doubles the inner channels of each block alone.
    """
    return _torchvision_resnet(arch, zero_init_residual, width)


def small_image_resnet(arch: str = "resnet18", zero_init_residual: bool = False, width: int = 1) -> nn.Module:
    """The same with a stem for small images: 3x3, stride 1, padding 1, no max-pooling."""
    net = _torchvision_resnet(arch, zero_init_residual, width)
    stem = nn.Conv2d(3, 64 * width, kernel_size=3, stride=1, padding=1, bias=False)
    nn.init.kaiming_normal_(stem.weight, mode="fan_out", nonlinearity="relu")
    net.conv1, net.maxpool = stem, nn.Identity()
    return net


def small_resnet(
    widths: Sequence[int] = (32, 64, 128), stem_stride: int = 2, zero_init_residual: bool = False
) -> nn.Module:
    """A ResNet that trains in minutes on a laptop: one basic block for each width, each but the first halves the size.

    Args:
        widths: channels of the blocks, 8 or more each; the last is the width of the features.
        stem_stride: 2 halves the size at once, 1 keeps it and costs four times the work.
        zero_init_residual: start each block as the identity.

    Raises:
        ValueError: on a width below 8: torch 2.15's gradient of a 1x1 convolution with a stride and fewer than 8 input
            channels in channels_last writes outside its memory on a CPU without AVX-512 (seen on AVX2).
    """
    if min(widths) < 8:
        raise ValueError(f"backbone.widths={list(widths)}: must be 8 or more each")
    return SmallResNet(widths, stem_stride, zero_init_residual)


class SmallResNet(nn.Module):
    """3x3 stem, one basic block a width, global average pooling."""

    def __init__(self, widths: Sequence[int], stem_stride: int, zero_init_residual: bool) -> None:
        super().__init__()
        self.num_features = widths[-1]
        self.stem = nn.Sequential(conv3x3(3, widths[0], stem_stride), nn.BatchNorm2d(widths[0]), nn.ReLU(inplace=True))
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
    skip = None if same else nn.Sequential(conv1x1(inputs, outputs, stride), nn.BatchNorm2d(outputs))
    return BasicBlock(inputs, outputs, stride, skip)


def _torchvision_resnet(arch: str, zero_init_residual: bool, width: int) -> nn.Module:
    net = cast(ResNet, getattr(torchvision.models, arch)(zero_init_residual=zero_init_residual))
    cast(Any, net).num_features = width * net.fc.in_features
    cast(Any, net).fc = nn.Identity()
    return _widened(net, width) if width > 1 else cast(nn.Module, net)


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
