"""Which anchors and regions the losses of a detector are computed on, as a function of seed, step and place.

Torchvision's own sampler draws from the state of the process, which a resumed run, or one of two processes, lacks.
"""

import torch
from torch import Tensor

from contrastive_lab.randomness import StepRandom, generator


class Sampler:
    """Draws `count` of an image's candidates, at most the share `positive` of them with an object (Ren et al. 2015).

    In place of torchvision's BalancedPositiveNegativeSampler. `random` is that of the step, set before each.
    """

    random: StepRandom

    def __init__(self, purpose: str, count: int, positive: float) -> None:
        self.purpose, self.count, self.positive = purpose, count, positive

    def __call__(self, labels: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Masks of the chosen candidates with and without an object, of each image.

        Its labels, (m,), are 1 and more with an object, 0 without one, and -1 for neither.
        """
        chosen = [self._chosen(own, self.random.start + place) for place, own in enumerate(labels)]
        return [objects for objects, _ in chosen], [others for _, others in chosen]

    def _chosen(self, labels: Tensor, row: int) -> tuple[Tensor, Tensor]:
        random = self.random
        source = generator(random.seed, self.purpose, random.epoch, random.step, row)
        objects, taken = _some(labels >= 1, int(self.count * self.positive), source)
        return objects, _some(labels == 0, self.count - taken, source)[0]


def _some(candidates: Tensor, most: int, source: torch.Generator) -> tuple[Tensor, int]:
    """A mask of at most so many of the candidates, bool (m,), and their number."""
    numbers = candidates.nonzero().flatten()
    order = torch.randperm(len(numbers), generator=source)[:most]
    mask = torch.zeros_like(candidates)
    mask[numbers[order.to(numbers.device)]] = True
    return mask, len(order)
