"""Backbones: images (n, 3, H, W) or, of texts, ids of words (n, L) -> features (n, num_features)."""

from contrastive_lab.backbone.bag_of_words import BagOfWords
from contrastive_lab.backbone.resnet import imagenet_resnet, small_image_resnet, small_resnet
from contrastive_lab.backbone.timm import timm_model

__all__ = ["BagOfWords", "imagenet_resnet", "small_image_resnet", "small_resnet", "timm_model"]
