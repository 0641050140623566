"""What a lab brings along: one method, one loss, one backbone, three data sets, one augmentation."""

from my_lab.augment import Erasing
from my_lab.backbone import plain_net
from my_lab.data import named_files, sentences, shapes
from my_lab.loss import margin
from my_lab.method import Mine

__all__ = ["Erasing", "Mine", "margin", "named_files", "plain_net", "sentences", "shapes"]
