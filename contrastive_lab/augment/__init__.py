"""Augmentation of whole batches: every image or text with parameters of its own, on any device."""

from contrastive_lab.augment.crop import Crop
from contrastive_lab.augment.ops import Color
from contrastive_lab.augment.recipe import Recipe
from contrastive_lab.augment.words import TextRecipe, word_views

__all__ = ["Color", "Crop", "Recipe", "TextRecipe", "word_views"]
