"""Augmentation of whole batches: every image with parameters of its own, on any device."""

from contrastive_lab.augment.color import Color
from contrastive_lab.augment.crop import Crop
from contrastive_lab.augment.recipe import Recipe

__all__ = ["Color", "Crop", "Recipe"]
