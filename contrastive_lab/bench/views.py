"""Images per second of augmentations: those of other libraries, and ours, of whole batches, compiled and not."""

import statistics
from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torchvision import transforms
from torchvision.transforms import v2

from contrastive_lab.augment import Color, Crop, Recipe
from contrastive_lab.augment.compiled import compiled
from contrastive_lab.bench.turns import alternate, missing, ratio
from contrastive_lab.config.devices import no_compiler
from contrastive_lab.randomness import StepRandom
from contrastive_lab.record.speed import Outcome, Row
from contrastive_lab.run.console import quiet

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
KERNEL = 3  # pixels of a blur's kernel, odd and about a tenth of a side of CIFAR's
Make = Callable[[int], object]  # the views of a batch at a step


def run(batch: int, size: int, rounds: int) -> Outcome:
    """How many images a second MoCo v2's recipe takes, with and without blur, and how many times as fast ours is."""
    torch.manual_seed(0)
    images = torch.randint(0, 256, (batch, 3, size, size), dtype=torch.uint8)
    outcome, without, lacking = Outcome(rows=[], told=["images/s", "ratio"]), missing("kornia"), no_compiler()
    for blur, name in ((0.0, "without blur"), (0.5, "with blur")):
        others = {"torchvision, PIL": _pil(images, blur), "torchvision v2, tensors": _v2(images, blur)}
        if without is None:
            others["kornia, whole batch"] = _kornia(images, blur)
        recipe = _recipe(size, blur)
        calls: dict[Make, int] = {_ours(images, recipe): 10, **dict.fromkeys(others.values(), 1)}
        if lacking is None:
            others["ours with strategy.compile=true"] = quick = _ours(images, compiled(recipe))
            calls[quick] = 10
        with quiet():
            seconds = alternate(calls, rounds)
        ours = statistics.median(seconds[0])
        outcome.rows.append(Row(case=f"ours, {name}", values={"images/s": batch / ours}))
        for other, times in zip(others, seconds[1:], strict=True):
            found: dict[str, float | None] = {"images/s": batch / statistics.median(times)}
            outcome.rows.append(Row(case=f"{other}, {name}", values=found | ratio(times, seconds[0])))
    unable = [f"strategy.compile=true: {lacking}"] if lacking else []
    outcome.notes = [f"{batch} images of {size} pixels", *([without] if without else []), *unable]
    return outcome


def _recipe(size: int, blur: float) -> Recipe:
    crop, color = Crop(scale=(0.2, 1.0)), Color(p=0.8, brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)
    return Recipe(size, MEAN, STD, crop, flip=0.5, color=color, gray=0.2, blur=blur)


def _ours(images: Tensor, recipe: Recipe) -> Make:
    batch = len(images)
    return lambda step: recipe(images, StepRandom(0, 0, step, batch, 0, batch), view=0)


def _pil(images: Tensor, blur: float) -> Make:
    transform = torchvision_recipe(images.shape[-1], blur)
    pictures = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images]
    return lambda _: torch.stack([transform(picture) for picture in pictures])


def torchvision_recipe(size: int, blur: float = 0.0, T: Any = transforms, kernel: int = KERNEL) -> transforms.Compose:
    """MoCo v2's transform as facebookresearch/moco writes it, by either version `T` of torchvision's transforms."""
    last = [T.ToTensor()] if T is transforms else [T.ToDtype(torch.float32, scale=True)]
    steps = [
        T.RandomResizedCrop(size, scale=(0.2, 1.0)),
        T.RandomApply([T.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
        T.RandomGrayscale(p=0.2),
        *([T.RandomApply([T.GaussianBlur(kernel, (0.1, 2.0))], p=blur)] if blur else []),
        T.RandomHorizontalFlip(),
        *last,
        T.Normalize(MEAN, STD),
    ]
    return T.Compose(steps)


def _v2(images: Tensor, blur: float) -> Make:
    transform = torchvision_recipe(images.shape[-1], blur, v2)
    return lambda _: torch.stack([transform(image) for image in images])


def _kornia(images: Tensor, blur: float) -> Make:
    """The same with kornia, which draws for each image of a batch as we do."""
    K, size = import_module("kornia.augmentation"), images.shape[-1]
    steps = [
        K.RandomResizedCrop((size, size), scale=(0.2, 1.0)),
        K.ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8),
        K.RandomGrayscale(p=0.2),
        *([K.RandomGaussianBlur((KERNEL, KERNEL), (0.1, 2.0), p=blur)] if blur else []),
        K.RandomHorizontalFlip(),
        K.Normalize(torch.tensor(MEAN), torch.tensor(STD)),
    ]
    transform = torch.nn.Sequential(*steps)
    return lambda _: transform(images.float() / 255)
