"""Data sets: arrays that live on the device, or image folders that are decoded by workers."""

from contrastive_lab.dataset.arrays import embedded, packed
from contrastive_lab.dataset.folder import image_folder
from contrastive_lab.dataset.module import Batch, Images
from contrastive_lab.dataset.split import Arrays, Files, Splits

__all__ = ["Arrays", "Batch", "Files", "Images", "Splits", "embedded", "image_folder", "packed"]
