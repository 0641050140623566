"""Random erasing: Zhong et al. 2020, Random Erasing Data Augmentation, on top of any recipe."""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from contrastive_lab import Recipe, StepRandom

Share = Annotated[float, Field(ge=0, le=1, description="probability that a square of a view is erased")]


@dataclass(frozen=True)
class Erasing(Recipe):
    """A recipe that makes a random square of a view grey, a third as wide as the view."""

    erase: Share = 0.5

    def last(self, images: Tensor, random: StepRandom, view: int) -> Tensor:
        """Erase in images (n, C, S, S); the random numbers are a function of seed, step, view and this name."""
        side = images.shape[-1]
        apply, top, left = random.uniform(f"erase/{view}", 3).to(images).unbind(1)
        across = torch.arange(side, device=images.device)
        rows, columns = ((across - (at * side * 2 / 3)[:, None]).floor() for at in (top, left))
        square = ((rows >= 0) & (rows < side / 3))[:, :, None] & ((columns >= 0) & (columns < side / 3))[:, None]
        chosen = square & (apply < self.erase)[:, None, None]
        return images.masked_fill(chosen[:, None], 0.5)
