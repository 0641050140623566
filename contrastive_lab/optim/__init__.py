"""Optimizers: SGD, LARS and AdamW, two rules for the learning rate, three schedules."""

from contrastive_lab.optim.lars import LARS
from contrastive_lab.optim.schedule import factor
from contrastive_lab.optim.settings import Optim

__all__ = ["LARS", "Optim", "factor"]
