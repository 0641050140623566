"""What a lab brings along: one method, one backbone, two data sets, one augmentation."""

from my_lab.augment import Erasing
from my_lab.backbone import plain_net
from my_lab.data import named_files, shapes
from my_lab.method import Mine

__all__ = ["Erasing", "Mine", "named_files", "plain_net", "shapes"]
