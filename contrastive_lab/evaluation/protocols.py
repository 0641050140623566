"""The papers' protocols on an encoder: what `evaluation=<name>` runs.

Each gives top-1 and top-5 in percent on clean test images, the encoder frozen and in eval mode. Of several processes
each encodes its share of the images (for linear_moco the first one all); for knn it searches it, too, for linear it
tries some of the learning rates. The first one alone has the scores, the others None. `features` are those of
`labelled_features`; a ValueError without labels, a ConfigError where texts have no such features or views.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from contrastive_lab import distributed
from contrastive_lab.augment import Color, Crop, Recipe
from contrastive_lab.dataset import Splits, ViewsDataModule
from contrastive_lab.dataset.split import share
from contrastive_lab.encoder import Encoder
from contrastive_lab.errors import ConfigError, RunError
from contrastive_lab.evaluation import class_mean as class_means
from contrastive_lab.evaluation import knn as neighbours
from contrastive_lab.evaluation import linear as regression
from contrastive_lab.evaluation.features import (
    encoded_views,
    everywhere,
    labelled_features,
    probe_splits,
    shared_features,
)
from contrastive_lab.evaluation.scores import Scores, Split, topk
from contrastive_lab.randomness import generator
from contrastive_lab.waiting import counted


def linear(
    encoder: Encoder, data: ViewsDataModule, features: str = "h", seed: int = 0, epochs: int = 100
) -> Scores | None:
    """Logistic regression on standardised features of clean images; see `evaluation.linear.linear`."""
    train, test = shared_features(encoder, data, features)
    scores = regression.linear(train, test, seed=seed, epochs=epochs, all_processes=True).scores
    return scores if distributed.is_first() else None


def knn(
    encoder: Encoder, data: ViewsDataModule, features: str = "h", seed: int = 0, k: int = 200, temperature: float = 0.1
) -> Scores | None:
    """Weighted kNN, `k` and `temperature` as in Wu et al. 2018, Sec. 3.4; nothing in it depends on the seed."""
    scores = knn_of_all(encoder, data, features, k, temperature)
    return scores if distributed.is_first() else None


def knn_of_all(encoder: Encoder, data: ViewsDataModule, features: str, k: int, temperature: float) -> Scores:
    """The scores of `knn` in all processes, each of which encodes and searches its share of the training images."""
    splits = probe_splits(data.splits)
    train, own = (labelled_features(encoder, share(each), data.recipe, features, data.workers) for each in splits)
    test, shared = everywhere(own, len(splits[1])), len(splits[0]) >= distributed.world_size()
    return neighbours.knn(train, test, k, temperature, data.splits.classes, all_processes=shared)


def mean(encoder: Encoder, data: ViewsDataModule, features: str = "z", seed: int = 0) -> Scores | None:
    """The mean classifier of Arora et al. 2019 and Nozawa & Sato 2021; nothing in it depends on the seed."""
    both = shared_features(encoder, data, features, first_alone=True)
    return class_means.class_mean(*both) if distributed.is_first() else None


def classifier(
    encoder: Encoder, data: ViewsDataModule, classifier: nn.Module, features: str = "h", seed: int = 0
) -> Scores | None:
    """The method's own classifier, features (n, F) -> class scores (n, C); nothing in it depends on the seed."""
    split = probe_splits(data.splits)[1]
    own = labelled_features(encoder, share(split), data.recipe, features, data.workers)
    test, like = everywhere(own, len(split), first_alone=True), next(classifier.parameters())
    with torch.no_grad():
        return topk(classifier(test.features.to(like)), test.labels) if distributed.is_first() else None


class MocoProbe:
    """MoCo's linear probe, given features (B, D) of augmented images; they are taken as they are, so lr must fit them.

    SGD with momentum 0.9 and no decay, from weights N(0, 0.01), which depend on the seed, and zero bias. The learning
    rate falls to a tenth after 60 and 80 % of `epochs`, each of `steps_per_epoch` calls of `step`.
    Source: He et al. 2020 (MoCo), Sec. 4.1; 0.01 is the standard deviation in the authors' code (main_lincls).
    """

    @torch.inference_mode(False)  # evaluation often runs inside inference mode, where nothing can be trained
    def __init__(
        self,
        dim: int,
        classes: int,
        steps_per_epoch: int,
        epochs: int = 100,
        lr: float = 30.0,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        weight = 0.01 * torch.randn(classes, dim, generator=generator(seed, "moco probe"))
        self.head = nn.utils.skip_init(nn.Linear, dim, classes, device=device)  # torch's generator stays as it is
        self.head.load_state_dict({"weight": weight, "bias": torch.zeros(classes)})
        self.optimizer = torch.optim.SGD(self.head.parameters(), lr=lr, momentum=0.9)
        falls = [round(percent / 100 * epochs * steps_per_epoch) for percent in (60, 80)]
        self.schedule = torch.optim.lr_scheduler.MultiStepLR(self.optimizer, falls, gamma=0.1)

    @torch.inference_mode(False)
    def step(self, features: Tensor, labels: Tensor) -> Tensor:
        """One step on features (B, D) and labels (B,); returns the mean cross-entropy before it, ()."""
        features, labels = features.detach().float().clone(), labels.clone()  # copies made here can be trained on
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.head(features), labels)
        torch.autograd.backward(loss)
        self.optimizer.step()
        self.schedule.step()
        return loss.detach()

    @torch.no_grad()
    def scores(self, split: Split) -> Scores:
        """Accuracies in percent on features (n, D) and labels (n,)."""
        return topk(self.head(split.features.float()), split.labels)


def linear_moco(
    encoder: Encoder, data: ViewsDataModule, features: str = "h", seed: int = 0, epochs: int = 100, lr: float = 30.0
) -> Scores | None:
    """`MocoProbe` on features of randomly cropped and flipped images, batches of 256, the final value.

    Source: He et al. 2020 (MoCo), Sec. 4.1. The learning rate 30 fits MoCo's small features; on larger ones lower it. A
    RunError where it is so high that the weights are not finite.
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
    if not distributed.is_first():
        return None
    width, labels = encoder.features if features == "h" else encoder.dim, torch.as_tensor(train.labels).to(device)
    probe = MocoProbe(width, data.splits.classes, len(crops), epochs, lr, seed=seed, device=device)
    for epoch in counted(range(epochs), "linear_moco, epoch", epochs):
        for ids, *found in encoded_views(encoder, crops, epoch):
            probe.step(found[("h", "z").index(features)][0], labels[ids])
    if not all(parameter.isfinite().all() for parameter in probe.head.parameters()):
        raise RunError(f"evaluation.lr={lr:g}: the weights of linear_moco are not finite; lower it")
    return probe.scores(labelled_features(encoder, test, data.recipe, features, data.workers))
