"""Labelled features for the tests of the protocols."""

import torch
from torch import Tensor

from contrastive_lab.evaluation.scores import Split
from contrastive_lab.randomness import generator


def noisy_classes(name: str, n: int, dim: int = 8, classes: int = 7, noise: float = 1.0) -> Split:
    """Class centres, the same for every name, plus noise; all classes appear."""
    centres = torch.randn(classes, dim, generator=generator("centres"))
    labels = torch.arange(n) % classes
    return Split(centres[labels] + noise * torch.randn(n, dim, generator=generator(name)), labels)


def chance(name: str, n: int, dim: int, classes: int) -> Split:
    """Features that say nothing of the labels."""
    source = generator(name)
    return Split(torch.randn(n, dim, generator=source), torch.randint(classes, (n,), generator=source))


def part(split: Split, rows: Tensor) -> Split:
    """Some rows of a split."""
    return Split(split.features[rows], split.labels[rows])


def rescaled(split: Split) -> Split:
    """Every row times a positive number of its own."""
    factors = torch.logspace(-3, 3, len(split.labels))[torch.randperm(len(split.labels), generator=generator("scale"))]
    return Split(split.features * factors[:, None], split.labels)


TRAIN, TEST = noisy_classes("train", 90), noisy_classes("test", 60)
DOUBLE = (Split(TRAIN.features.double(), TRAIN.labels), Split(TEST.features.double(), TEST.labels))
