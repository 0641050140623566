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
    """A share of each query's negatives, in each of its sets of K, that are to be of its own class.

    Of K negatives `own_of(K, share)` are of the query's class, the others of other classes. `classes` are the labels of
    the images that negatives come from: (N,) of the global batch, or (images,) of a bank.
    """

    share: float
    classes: Tensor
    sets: int = 1

    def keys(self, random: StepRandom, K: int, views: int, purpose: str) -> Tensor:
        """K distinct keys (all sets together) as in `from_batch`, (n, K); `check_batches` says if there are so many.

        All keys of the batch are put in a random order for every query: O(N^2) numbers for any K, 8 MB for two views of
        N = 1,024 images. An oracle is for measuring, so this is not made quicker at the price of a second sampler.
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
        order, ordered, positions = self._sorted
        position, mine = positions[ids, None], self.classes[ids, None]
        first = torch.searchsorted(ordered, mine)
        size = torch.searchsorted(ordered, mine, right=True) - first
        K = uniform.shape[1] // self.sets
        is_own = (torch.arange(uniform.shape[1], device=ids.device) % K < own_of(K, self.share))[None]
        count = torch.where(is_own, size - 1, len(order) - size)
        chosen = (uniform * count).long().clamp(max=count - 1)
        among_own = first + chosen + (first + chosen >= position)
        among_others = chosen + size * (chosen >= first)
        return order[torch.where(is_own, among_own, among_others)]

    @cached_property
    def _sorted(self) -> tuple[Tensor, Tensor, Tensor]:
        """The images in order of class, their classes, and the position of each image in that order, (images,) each."""
        order = self.classes.argsort(stable=True)
        return order, self.classes[order], order.argsort()


def own_of(K: int, share: float) -> int:
    """Negatives of a query's own class among K, of which they are a share in [0, 1], rounded, a half up.

    >>> [own_of(K, 0.5) for K in (1, 2, 3, 4)]
    [1, 1, 2, 2]
    """
    return int(share * K + 0.5)


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
    """See that every query has enough keys of its own class and of others; ConfigError with the numbers if not.

    `labels` (images,) are the classes, `orders` the images of each epoch, of which batches of N are taken from the
    front; for a bank N is the number of images. An image has `views` keys, a query `sets` of K negatives. One key is
    enough where it may be `repeated`.
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
    """The oracle for these classes, or those of `ids`; None without a share, ConfigError without labels."""
    if share is None:
        return None
    if classes is None:
        raise ConfigError(f"own_class_share={share:g}: needs labels of the images to learn from, and there are none")
    return OwnClass(share, classes if ids is None else classes[ids], sets)
