"""The papers' protocols on an encoder: what `evaluation=<name>` runs.

Each gives top-1 and top-5 in percent on clean test images, the encoder frozen and in eval mode. `features` are those of
`labelled_features`; a ValueError without labels, a ConfigError where texts have no such features or views.
"""

from dataclasses import replace

import torch

from contrastive_lab.augment import Color, Crop, Recipe
from contrastive_lab.dataset import Splits, ViewsDataModule
from contrastive_lab.encoder import Encoder
from contrastive_lab.errors import ConfigError
from contrastive_lab.evaluation import class_mean as class_means
from contrastive_lab.evaluation import knn as neighbours
from contrastive_lab.evaluation import linear as regression
from contrastive_lab.evaluation.features import labelled_features, probe_splits
from contrastive_lab.evaluation.moco_probe import MocoProbe
from contrastive_lab.evaluation.scores import Scores, Split
from contrastive_lab.evaluation.views import encoded_views


def linear(encoder: Encoder, data: ViewsDataModule, features: str = "h", seed: int = 0, epochs: int = 100) -> Scores:
    """Logistic regression on standardised features of clean images; see `evaluation.linear.linear`."""
    return regression.linear(*_both(encoder, data, features), seed=seed, epochs=epochs).scores


def knn(
    encoder: Encoder, data: ViewsDataModule, features: str = "h", seed: int = 0, k: int = 200, temperature: float = 0.1
) -> Scores:
    """Weighted kNN, `k` and `temperature` as in Wu et al. 2018, Sec. 3.4; nothing in it depends on the seed."""
    train, test = _both(encoder, data, features)
    return neighbours.knn(train, test, k, temperature, data.splits.classes)


def mean(encoder: Encoder, data: ViewsDataModule, features: str = "z", seed: int = 0) -> Scores:
    """The mean classifier of Arora et al. 2019 and Nozawa & Sato 2021; nothing in it depends on the seed."""
    return class_means.class_mean(*_both(encoder, data, features))


def linear_moco(
    encoder: Encoder, data: ViewsDataModule, features: str = "h", seed: int = 0, epochs: int = 100, lr: float = 30.0
) -> Scores:
    """MoCo's protocol: SGD on features of randomly cropped and flipped images, batches of 256, the final value.

    Source: He et al. 2020 (MoCo), Sec. 4.1: learning rate 30, times 0.1 at epochs 60 and 80 of 100. It fits MoCo's
    small features; on larger ones lower it.
    """
    (train, test), device = probe_splits(data.splits), next(encoder.parameters()).device
    if not isinstance(data.recipe, Recipe):
        raise ConfigError("evaluation=linear_moco: crops and flips images, not texts; use linear, knn or mean")
    if features == "pixels":
        raise ValueError("linear_moco needs an encoder's features h or z")
    crop, color = Crop(scale=(0.08, 1.0)), Color(p=0.0)
    recipe = replace(data.recipe, crop=crop, flip=0.5, color=color, gray=0.0, blur=0.0, small_views=0)
    images, N = Splits(train, None, None), min(256, len(train))
    crops = ViewsDataModule(images, recipe, N, seed, views=1, workers=data.workers, alone=True)
    width, labels = encoder.features if features == "h" else encoder.dim, torch.as_tensor(train.labels).to(device)
    probe = MocoProbe(width, data.splits.classes, len(crops), epochs, lr, seed=seed, device=device)
    for epoch in range(epochs):
        for ids, *found in encoded_views(encoder, crops, epoch):
            probe.step(found[("h", "z").index(features)][0], labels[ids])
    return probe.scores(labelled_features(encoder, test, data.recipe, features, data.workers))


def _both(encoder: Encoder, data: ViewsDataModule, features: str) -> tuple[Split, Split]:
    """Features of the probes' training and test images."""
    recipe, workers = data.recipe, data.workers
    train, test = (labelled_features(encoder, split, recipe, features, workers) for split in probe_splits(data.splits))
    return train, test
