"""The mean classifier: no training, one prototype per class."""

import torch
from torch import Tensor
from torch.nn import functional as F

from contrastive_lab.evaluation.scores import Scores, Split, blocks, checked, topk


@torch.no_grad()
def class_mean(train: Split, test: Split) -> Scores:
    """Accuracy where the score of class c is z . mu_c, with z the unit feature and mu_c the mean of unit features.

    mu_c is not put back on the sphere, so a spread-out class has a shorter mean and lower scores; there is no bias.
    ValueError if a class below the largest training label has no training example.

    Source: Arora et al. 2019, Sec. 2 (mean classifier); Nozawa & Sato 2021, Sec. 2 (unit features).
    """
    train, test, classes = checked(train, test)
    if missing := sorted(set(range(classes)) - set(train.labels.tolist())):
        raise ValueError(f"class_mean needs training examples of every class below {classes}; none of {missing}")
    sums = sum(_class_sums(F.normalize(z, dim=1), labels, classes) for z, labels in blocks(train))
    means = sums / train.labels.bincount(minlength=classes)[:, None]
    return topk(torch.cat([F.normalize(z, dim=1) @ means.T for z, _ in blocks(test)]), test.labels)


def class_means(features: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Mean feature of each class: (n, D) and (n,) -> (C, D); every class needs an example."""
    return _class_sums(features, labels, classes) / labels.bincount(minlength=classes)[:, None]


def _class_sums(features: Tensor, labels: Tensor, classes: int) -> Tensor:
    return features.new_zeros(classes, features.shape[1]).index_add_(0, labels, features)
