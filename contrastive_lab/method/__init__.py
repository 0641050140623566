"""Methods: views of a batch -> the tensors of a loss; for most, cosines with the positive key and with K negatives."""

from contrastive_lab.method.moco import MoCo
from contrastive_lab.method.npid import NPID
from contrastive_lab.method.simclr import SimCLR
from contrastive_lab.method.simo import SiMo
from contrastive_lab.method.supcon import SupCon
from contrastive_lab.method.supervised import Supervised
from contrastive_lab.method.swav import SwAV

__all__ = ["NPID", "MoCo", "SiMo", "SimCLR", "SupCon", "Supervised", "SwAV"]
