"""From positions in an epoch to views on the device.

A batch is a function of (seed, epoch, step): the loader yields nothing but positions (and, for files, their crops),
so a resumed run goes on with exactly the batch that would have come next.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, NamedTuple, Protocol, cast

import pytorch_lightning as pl
import torch
from torch import Tensor

from contrastive_lab import distributed
from contrastive_lab.augment import Recipe, TextRecipe
from contrastive_lab.compat import batches_started
from contrastive_lab.dataset.decode import crops
from contrastive_lab.dataset.fingerprint import data_hash
from contrastive_lab.dataset.split import Files, Split, Splits
from contrastive_lab.dataset.workers import cores, decoded
from contrastive_lab.randomness import StepRandom, generator


class Batch(NamedTuple):
    """The n rows of one process.

    Views are (n, 3, S, S), normalised, or ids of words (n, L); full ones come before small ones. `ids` (n,) are the
    numbers of the images or texts in the data set, `classes` (images,) the labels of all of it by these numbers.
    """

    views: list[Tensor]
    ids: Tensor
    random: StepRandom
    classes: Tensor | None = None


class Position(NamedTuple):
    """What a loader yields: where the batch stands, its images, and their crops if they are files."""

    epoch: int
    step: int
    ids: Tensor
    crops: list[Tensor]


class ViewsDataModule(pl.LightningDataModule):
    """Batches of augmented views of a data set, in an order and with views that are functions of `seed`.

    A batch has `batch_size` rows over all processes, or in this one if it is `alone`; ValueError if the data set has
    fewer. `views` is 1 or 2 of full size, to which the recipe may add small ones; `workers` processes decode files,
    at most one for each core.
    """

    def __init__(
        self,
        splits: Splits,
        recipe: Recipe | TextRecipe,
        batch_size: int,
        seed: int = 0,
        views: int = 2,
        workers: int = 0,
        alone: bool = False,
    ) -> None:
        super().__init__()
        if batch_size > len(splits.pretrain):
            raise ValueError(f"batch_size={batch_size}: more than the {len(splits.pretrain)} images")
        self.splits, self.recipe = splits, recipe
        self.batch_size, self.seed = batch_size, seed
        self.views = [*range(views), *range(2, 2 + recipe.small_views)]
        self.alone = alone
        self.workers = min(workers, cores()) if isinstance(splits.pretrain, Files) else 0
        self._images: Tensor | None = None  # all, on the device; no buffer of a module, so no checkpoint holds them
        self._classes = splits.pretrain.labels

    @cached_property
    def hash(self) -> str:
        """The `data_hash` of its splits."""
        return data_hash(self.splits)

    def train_dataloader(self) -> "Loader":
        """Positions of the epoch that the trainer is in."""
        return Loader(self)

    def step_random(self, epoch: int, step: int) -> StepRandom:
        """The random numbers of a step, for the rows of this process."""
        rank, world = (0, 1) if self.alone else (distributed.rank(), distributed.world_size())
        rows = self.batch_size // world
        return StepRandom(self.seed, epoch, step, self.batch_size, rank * rows, rows)

    def order(self, epoch: int) -> Tensor:
        """The images of an epoch in their order, a function of the seed."""
        return torch.randperm(len(self.splits.pretrain), generator=generator(self.seed, "order", epoch))

    def positions(self, epoch: int, first: int = 0) -> Iterator[Position]:
        """Positions of an epoch from its step `first` on."""
        # Workers get a copy of what makes a position: parts of this object, but neither all of it nor its trainer.
        order, random = self.order(epoch), self.step_random(epoch, 0)
        make = partial(_position, self.splits.pretrain, self.recipe, self.views, order, random)
        yield from decoded(range(first, len(self)), make, self.workers)

    def __len__(self) -> int:
        return len(self.splits.pretrain) // self.batch_size

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Batch:
        """Make the views of a `Position` on the device, in the precision of the network."""
        module = self.trainer.lightning_module if self.trainer is not None else None
        return self.batch(batch, cast(torch.dtype, module.dtype) if module is not None else torch.float32)

    def batch(self, position: Position, dtype: torch.dtype = torch.float32) -> Batch:
        """The batch at a position, on the device that its ids are on."""
        random, device = self.step_random(position.epoch, position.step), position.ids.device
        if isinstance(self.splits.pretrain, Files):
            crops, recipe = zip(self.views, position.crops, strict=True), cast(Recipe, self.recipe)
            views = [recipe.of(view).finish(crop, random, view, dtype) for view, crop in crops]
        else:
            if self._images is None or self._images.device != device:
                self._images = self.splits.pretrain.tensor(device)
            images = self._images[position.ids]
            views = [self.recipe(images, random, view, dtype) for view in self.views]
        if self._classes is not None:
            self._classes = self._classes.to(device)  # itself where it is there already
        return Batch(views, position.ids, random, self._classes)


class Positions(Protocol):
    """A data module whose batches are functions of their position."""

    trainer: Any

    def __len__(self) -> int: ...

    def positions(self, epoch: int, first: int = 0) -> Iterator[Any]:
        """Those of an epoch from its step `first` on."""
        ...


@dataclass(frozen=True)
class Loader:
    """Positions of one epoch, from where the trainer is when the first batch is asked for.

    Lightning makes iterators before it knows where a resumed run goes on.
    """

    data: Positions

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[Any]:
        trainer = self.data.trainer
        start = (0, 0) if trainer is None else (trainer.current_epoch, batches_started(trainer))
        yield from self.data.positions(*start)

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: the position is the trainer's. That this exists tells Lightning that resuming is exact."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Do nothing, see `state_dict`."""


def _position(
    split: Split, recipe: Recipe | TextRecipe, views: list[int], order: Tensor, random: StepRandom, step: int
) -> Position:
    """The position of this process's rows at a step of the epoch that `random` is of."""
    random = replace(random, step=step)
    ids = order[step * random.size :][random.rows]
    if not isinstance(split, Files):
        return Position(random.epoch, step, ids, [])
    paths = [split.paths[i] for i in ids.tolist()]
    return Position(random.epoch, step, ids, crops(split.reader, paths, cast(Recipe, recipe), random, views))
