"""Images per second of a folder of photos: our two views of each, torchvision's, and the decoder alone."""

import statistics
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder

from contrastive_lab.augment import Color, Crop, Recipe
from contrastive_lab.bench.step import check_device
from contrastive_lab.bench.turns import alternate, ratio
from contrastive_lab.bench.views import MEAN, STD, torchvision_recipe
from contrastive_lab.dataset import ViewsDataModule, image_folder
from contrastive_lab.errors import ConfigError
from contrastive_lab.record.speed import Outcome, Row

SIDES = (400, 600)  # pixels of the photos
QUALITY = 90  # of JPEG


def run(images: int, size: int, batch: int, workers: int, device: str, rounds: int) -> Outcome:
    """Seconds an epoch takes: all images decoded and in two views of MoCo v2, on the device, with so many workers."""
    check_device(device)
    if batch > images:
        raise ConfigError(f"--batch {batch}: must be at most the {images} of --images")
    with TemporaryDirectory() as folder:
        write_photos(Path(folder), images)
        ours = _ours(folder, size, batch, workers, device)
        others = {
            "torchvision": _torchvision(folder, size, batch, workers, device),
            "bare decode": _decode(folder, batch, workers),
        }
        times = alternate(dict.fromkeys([ours, *others.values()], 1), rounds)
    ours_speed, *speeds = [images / statistics.median(own) for own in times]
    rows = []
    for name, speed, own in zip(others, speeds, times[1:], strict=True):
        found: dict[str, float | None] = {"images/s": speed, "ours images/s": ours_speed}
        rows.append(Row(case=name, values=found | ratio(own, times[0])))
    told = f"{images:,} JPEGs of {SIDES[0]} to {SIDES[1]} pixels, two views of {size}, {workers} worker(s)"
    return Outcome(rows=rows, told=["ratio"], notes=[told, "ratio: their time by ours; the bare decode makes no views"])


def write_photos(folder: Path, count: int) -> None:
    """Write JPEGs with the spectrum of photos, 1 / f in amplitude (Field 1987), in two folders of classes."""
    source = np.random.default_rng(0)
    for number in range(count):
        width, height = source.integers(SIDES[0], SIDES[1] + 1, 2)
        path = folder / f"class{number % 2}" / f"{number:05}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(photo(int(height), int(width), source)).save(path, quality=QUALITY)


def photo(height: int, width: int, source: np.random.Generator) -> Any:
    """Random bytes (height, width, 3): noise of every size, each as strong as the others, mostly grey."""
    total = torch.zeros(3, height, width)
    for octave in range(9):
        side = 2 ** (octave + 1)
        noise = source.standard_normal((1, 1, side, side)) + 0.3 * source.standard_normal((1, 3, side, side))
        total += F.interpolate(torch.from_numpy(noise).float(), (height, width), mode="bicubic")[0]
    return (total * 20 + 128).clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()


def _ours(folder: str, size: int, batch: int, workers: int, device: str) -> Callable[[int], None]:
    crop, color = Crop(scale=(0.2, 1.0)), Color(p=0.8, brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)
    recipe = Recipe(size, MEAN, STD, crop, flip=0.5, color=color, gray=0.2, blur=0.5)
    data = ViewsDataModule(image_folder(folder, workers=workers), recipe, batch, workers=workers)

    def epoch(number: int) -> None:
        for position in data.positions(number):
            there = position._replace(ids=position.ids.to(device), crops=[crop.to(device) for crop in position.crops])
            data.batch(there)

    return epoch


def _torchvision(folder: str, size: int, batch: int, workers: int, device: str) -> Callable[[int], None]:
    transform = torchvision_recipe(size, blur=0.5, kernel=size // 10 | 1)  # as in SimCLR, odd
    photos = ImageFolder(folder, _Twice(transform))
    loader = DataLoader(photos, batch, shuffle=True, drop_last=True, num_workers=workers)

    def epoch(_: int) -> None:
        for views, _ in loader:
            for view in views:
                view.to(device)

    return epoch


def _decode(folder: str, batch: int, workers: int) -> Callable[[int], None]:
    loader = DataLoader(ImageFolder(folder, _size), batch, drop_last=True, num_workers=workers)

    def epoch(_: int) -> None:
        for _ in loader:
            pass

    return epoch


class _Twice:
    """Two views of an image."""

    def __init__(self, transform: Callable[[Any], Tensor]) -> None:
        self.transform = transform

    def __call__(self, image: Any) -> list[Tensor]:
        return [self.transform(image), self.transform(image)]


def _size(image: Image.Image) -> int:
    """What a worker sends of a decoded image: no pixels."""
    return image.width
