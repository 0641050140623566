"""Batches of scenes: order, flips and sizes are functions of (seed, epoch, step, place), so that a run resumes exactly.

Letters: n scenes of this process, N of the batch over all processes.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, cast

import pytorch_lightning as pl
import torch
from torch import Tensor

from contrastive_lab import distributed
from contrastive_lab.dataset.module import Loader
from contrastive_lab.dataset.workers import decoded
from contrastive_lab.detect.scenes import Scene, Scenes, flipped, resized
from contrastive_lab.randomness import StepRandom, generator


class SceneBatch(NamedTuple):
    """The n scenes of one process: images (3, H, W) in [0, 1], targets of torchvision's detectors, numbers (n,)."""

    views: list[Tensor]
    targets: list[dict[str, Tensor]]
    ids: Tensor
    random: StepRandom


class Drawn(NamedTuple):
    """What a loader yields: where the batch stands, and its scenes."""

    epoch: int
    step: int
    ids: Tensor
    scenes: list[Scene]


class SceneDataModule(pl.LightningDataModule):
    """Batches of `batch_size` scenes over all processes, and the scenes that are tested on.

    A training scene is mirrored with the probability `flip`, and its shorter side is one of `sizes`, drawn, in pixels;
    tests have `test_size`; None leaves scenes as they are. No side is above `longest`. `workers` processes make scenes,
    and `notices` are what a user should know of them.

    ValueError if there are fewer scenes than a batch has.
    """

    def __init__(
        self,
        train: Scenes,
        test: Scenes,
        batch_size: int,
        seed: int = 0,
        flip: float = 0.5,
        sizes: Sequence[int] | None = None,
        test_size: int | None = None,
        longest: int = 1333,
        workers: int = 0,
        notices: Sequence[str] = (),
    ) -> None:
        super().__init__()
        if batch_size > len(train):
            raise ValueError(f"batch_size={batch_size}: more than the {len(train)} training images")
        self.train, self.test, self.batch_size, self.seed = train, test, batch_size, seed
        self.flip, self.sizes, self.test_size, self.longest = flip, list(sizes or []), test_size, longest
        self.workers, self.notices = workers, [*notices]
        self.hash = scenes_hash(train.hash, test.hash)

    def __len__(self) -> int:
        return len(self.train) // self.batch_size

    def train_dataloader(self) -> Loader:
        """Batches of the epoch that the trainer is in."""
        return Loader(self)

    def step_random(self, epoch: int, step: int) -> StepRandom:
        """The random numbers of a step, for the rows of this process."""
        rows = self.batch_size // distributed.world_size()
        return StepRandom(self.seed, epoch, step, self.batch_size, distributed.rank() * rows, rows)

    def positions(self, epoch: int, first: int = 0) -> Iterator[Drawn]:
        """Batches of an epoch from its step `first` on."""
        order = torch.randperm(len(self.train), generator=generator(self.seed, "order", epoch))
        randoms = [self.step_random(epoch, step) for step in range(first, len(self))]
        make = partial(_drawn, self.train, order, (self.flip, self.sizes, self.longest))
        yield from decoded(randoms, make, self.workers)

    def tests(self, numbers: Sequence[int]) -> Iterator[tuple[Scene, Scene]]:
        """Test scenes of some numbers, as they are and as the network gets them."""
        yield from decoded(numbers, partial(_tested, self.test, self.test_size, self.longest), self.workers)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> SceneBatch:
        """Move a batch to the device, in the precision of the network."""
        module = self.trainer.lightning_module if self.trainer is not None else None
        dtype = cast(torch.dtype, module.dtype) if module is not None else torch.float32
        return self.batch(batch, device, dtype)

    def batch(self, drawn: Drawn, device: torch.device, dtype: torch.dtype) -> SceneBatch:
        """What a step gets of the scenes that were drawn for it, on a device, in the precision of the network."""
        images = [as_input(scene, device, dtype) for scene in drawn.scenes]
        targets = [{name: each.to(device) for name, each in scene.target.items()} for scene in drawn.scenes]
        targets = [own | {"boxes": own["boxes"].to(dtype)} for own in targets]
        return SceneBatch(images, targets, drawn.ids.to(device), self.step_random(drawn.epoch, drawn.step))


def scenes_hash(train: str, test: str) -> str:
    """The hash of a run's scenes, of those of its parts."""
    return train if train == test else f"{train}-{test}"


def as_input(scene: Scene, device: torch.device, dtype: torch.dtype) -> Tensor:
    """A scene's image in [0, 1], (3, H, W)."""
    return scene.image.to(device).to(dtype) / 255


def _drawn(scenes: Scenes, order: Tensor, settings: tuple[float, list[int], int], random: StepRandom) -> Drawn:
    """The scenes of a step, mirrored and resized."""
    flip, sizes, longest = settings
    ids = order[random.step * random.size :][random.rows]
    mirrored = (random.uniform("flip") < flip).tolist()
    chosen = random.integers("size", max(1, len(sizes))).tolist()
    made = []
    for number, mirror, size in zip(ids.tolist(), mirrored, chosen, strict=True):
        own = resized(scenes[number], sizes[size] if sizes else None, longest)
        made.append(flipped(own) if mirror else own)
    return Drawn(random.epoch, random.step, ids, made)


def _tested(scenes: Scenes, size: int | None, longest: int, number: int) -> tuple[Scene, Scene]:
    return (own := scenes[number]), resized(own, size, longest)
