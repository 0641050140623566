"""Backbones: images (n, 3, H, W) -> features (n, num_features)."""

from contrastive_lab.backbone.resnet import imagenet_resnet, small_image_resnet, small_resnet
from contrastive_lab.backbone.timm import timm_model

__all__ = ["imagenet_resnet", "small_image_resnet", "small_resnet", "timm_model"]
