"""A plain convolutional network."""

from itertools import pairwise
from typing import Annotated

from pydantic import Field
from torch import nn

Width = Annotated[int, Field(ge=8, description="channels of the last layer, the width of the features")]


def plain_net(
    width: Width = 64, depth: Annotated[int, Field(ge=1, le=4, description="number of layers")] = 3
) -> nn.Module:
    """Images (n, 3, H, W) -> features (n, width); each layer halves the size."""
    widths = [3, *(max(8, width >> layer) for layer in reversed(range(depth)))]
    layers = [_layer(inputs, outputs) for inputs, outputs in pairwise(widths)]
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    net.num_features = width
    return net


def _layer(inputs: int, outputs: int) -> nn.Module:
    convolution = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))
