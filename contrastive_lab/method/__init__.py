"""Methods: views of a batch -> cosines with the positive key and with K negatives."""

from contrastive_lab.method.moco import MoCo
from contrastive_lab.method.simclr import SimCLR
from contrastive_lab.method.simo import SiMo

__all__ = ["MoCo", "SiMo", "SimCLR"]
