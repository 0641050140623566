"""An oracle that chooses negatives by class, for the question what negatives of a query's own class cost."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from contrastive_lab.errors import ConfigError
from contrastive_lab.randomness import StepRandom


@dataclass(frozen=True)
class OwnClass:
    """A share of each query's negatives that are to be of its own class.

    Args:
        share: in [0, 1]; of K negatives K * share, rounded, are of the query's class, the others of other classes.
        classes: label of each image that negatives come from: (N,) of the global batch, or (images,) of a bank.
        sets: sets of K negatives that a query has, each with that share.
    """

    share: float
    classes: Tensor
    sets: int = 1

    def keys(self, random: StepRandom, K: int, views: int, purpose: str) -> Tensor:
        """K distinct keys (all sets together) of other images for every query, (n, K); see `from_batch`.

        `check_batches` says whether there are as many.
        """
        device = self.classes.device
        images = torch.arange(random.size, device=device)
        same = self.classes[random.rows, None] == self.classes.repeat(views)
        others = images[random.rows, None] != images.repeat(views)
        order = random.uniform(purpose, views * random.size, device=device)
        own = own_of(K // self.sets, self.share)
        parts = []
        for candidates, count in ((same & others, own), (~same, K // self.sets - own)):
            chosen = order.masked_fill(~candidates, -1.0).topk(count * self.sets, dim=1).indices
            parts.append(chosen.view(len(chosen), self.sets, count))
        return torch.cat(parts, dim=2).flatten(1)

    def entries(self, uniform: Tensor, ids: Tensor) -> Tensor:
        """Entries of a bank for images `ids` (n,), with replacement, by `uniform` numbers (n, K) in [0, 1): (n, K)."""
        order, ordered, places = self._sorted
        place, mine = places[ids, None], self.classes[ids, None]
        first = torch.searchsorted(ordered, mine)
        size = torch.searchsorted(ordered, mine, right=True) - first
        K = uniform.shape[1] // self.sets
        is_own = (torch.arange(uniform.shape[1], device=ids.device) % K < own_of(K, self.share))[None]
        count = torch.where(is_own, size - 1, len(order) - size)
        chosen = (uniform * count).long().clamp(max=count - 1)
        among_own = first + chosen + (first + chosen >= place)
        among_others = chosen + size * (chosen >= first)
        return order[torch.where(is_own, among_own, among_others)]

    @cached_property
    def _sorted(self) -> tuple[Tensor, Tensor, Tensor]:
        """The images in order of class, their classes, and the place of each image in that order, (images,) each."""
        order = self.classes.argsort(stable=True)
        return order, self.classes[order], order.argsort()


def own_of(K: int, share: float) -> int:
    """Negatives of a query's own class among K."""
    return round(share * K)


def check_batches(
    labels: Tensor,
    orders: Iterable[Tensor],
    N: int,
    K: int,
    share: float,
    views: int = 1,
    sets: int = 1,
    repeated: bool = False,
) -> None:
    """See that every query of a run has enough keys of its own class and of others to choose from.

    Args:
        labels: (images,) class of each.
        orders: the images of each epoch in their order; batches of N are taken from the front.
        N: size of the global batch; the number of images for a bank.
        K: negatives of a set.
        share: of them, of the query's own class.
        views: keys of an image.
        sets: sets of a query.
        repeated: whether a key may be drawn several times, so that one is enough.

    Raises:
        ConfigError: with the numbers needed and found.
    """
    own = own_of(K, share)
    needed = {"its own class": own * sets, "other classes": (K - own) * sets}
    for order in orders:
        batches = labels[order[: len(order) // N * N]].view(-1, N).sort(dim=1).values
        first = torch.searchsorted(batches, batches)
        size = torch.searchsorted(batches, batches, right=True) - first
        found = {"its own class": views * (int(size.min()) - 1), "other classes": views * (N - int(size.max()))}
        for kind, count in needed.items():
            if found[kind] < (min(count, 1) if repeated else count):
                text = f"a query needs {count} negatives of {kind}, and among {N} images one has {found[kind]}"
                raise ConfigError(f"own_class_share={share:g}: {text}; lower K or raise batch_size")


def own_class(share: float | None, classes: Tensor | None, ids: Tensor | None = None, sets: int = 1) -> OwnClass | None:
    """The oracle for images of some classes (those `ids` of them); None where no share is asked for.

    Raises:
        ConfigError: without labels.
    """
    if share is None:
        return None
    if classes is None:
        raise ConfigError(f"own_class_share={share:g}: needs labels of the images to learn from, and there are none")
    return OwnClass(share, classes if ids is None else classes[ids], sets)
