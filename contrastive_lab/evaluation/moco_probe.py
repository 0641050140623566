"""MoCo's linear probe, step by step; n and B examples, D dimensions (`dim`), C `classes`."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from contrastive_lab.evaluation.scores import Scores, Split, topk
from contrastive_lab.randomness import generator


class MocoProbe:
    """MoCo's linear probe, given features (B, D) of augmented images; they are taken as they are, so lr must fit them.

    SGD with momentum 0.9 and no decay, from weights N(0, 0.01), which depend on the seed, and zero bias. The learning
    rate falls to a tenth at each of the milestones, in epochs of a training of 100, which scale with `epochs`; an epoch
    has `steps_per_epoch` calls of `step`. `device` is where the features will be.
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
        milestones: Sequence[float] = (60, 80),
        seed: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        weight = 0.01 * torch.randn(classes, dim, generator=generator(seed, "moco probe"))
        self.head = nn.utils.skip_init(nn.Linear, dim, classes, device=device)  # torch's generator stays as it is
        self.head.load_state_dict({"weight": weight, "bias": torch.zeros(classes)})
        self.optimizer = torch.optim.SGD(self.head.parameters(), lr=lr, momentum=0.9)
        falls = [round(milestone / 100 * epochs * steps_per_epoch) for milestone in milestones]
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
