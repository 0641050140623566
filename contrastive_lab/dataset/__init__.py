"""Data sets: arrays that live on the device, image folders that are decoded by workers, or texts."""

from contrastive_lab.dataset.adapt import from_datasets
from contrastive_lab.dataset.arrays import embedded, packed
from contrastive_lab.dataset.fingerprint import data_hash
from contrastive_lab.dataset.folder import image_folder
from contrastive_lab.dataset.module import Batch, ViewsDataModule
from contrastive_lab.dataset.own_arrays import own_arrays
from contrastive_lab.dataset.split import Arrays, Files, Splits, Texts
from contrastive_lab.dataset.text import ag_news

__all__ = ["Arrays", "Batch", "Files", "Splits", "Texts", "ViewsDataModule"]
__all__ += ["ag_news", "data_hash", "embedded", "from_datasets", "image_folder", "own_arrays", "packed"]
