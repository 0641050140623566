"""Small encoders and a recipe for the tests of the evaluations."""

import torch
from torch import Tensor, nn

from contrastive_lab.augment import Color, Crop, Recipe
from contrastive_lab.backbone import small_resnet
from contrastive_lab.encoder import Encoder, build_head

RECIPE = Recipe(12, [0.5], [0.25], Crop(), 0.5, Color(), 0.2, 0.0)


def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder(small_resnet((8, 16)), build_head("linear", 16, dim=6))


class Corner(nn.Module):
    """Backbone: a few of the pixels themselves."""

    num_features = 12

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, images: Tensor) -> Tensor:
        return self.scale * images[:, :, ::6, ::6].flatten(1)


def pixel_encoder() -> Encoder:
    """Its unit vectors are a few pixels of an image."""
    return Encoder(Corner(), nn.Identity())
