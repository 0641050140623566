"""Folders of images: found, decoded and cropped here; everything after the crop happens on the device."""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from contrastive_lab.augment import Recipe
from contrastive_lab.dataset.split import Files, Splits
from contrastive_lab.errors import RunError
from contrastive_lab.randomness import StepRandom

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".ppm", ".tif", ".tiff"}
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def image_folder(root: str, probe_root: str | None = None) -> Splits:
    """Images of a folder to pre-train on, with labelled splits for the probes where there are any.

    Args:
        root: all images below `root/train`, or below `root` where there is no such folder, are pre-trained on.
        probe_root: folder whose `train/` and `val/` hold one folder per class; None looks for them in `root`.

    Returns:
        The splits; `train` and `test` are None where no `train/` and `val/` with the same classes are found. One
        folder per class in `train/` alone is not taken for labels: nothing could be tested on them.

    Raises:
        RunError: if there is no image, or if `probe_root` has no classes.
    """
    train, test = _labelled(Path(probe_root or root))
    if probe_root is not None and train is None:
        raise RunError(f"dataset.probe_root={probe_root}: needs train/ and val/ with the same folders, one per class")
    start = Path(root) / "train" if (Path(root) / "train").is_dir() else Path(root)
    if probe_root is None and train is not None:
        return Splits(train, train, test)
    paths = _images(start)
    if not paths:
        raise RunError(f"dataset.root={root}: no images below {start}")
    return Splits(Files(paths), train, test)


def _labelled(root: Path) -> tuple[Files, Files] | tuple[None, None]:
    names = [sorted(p.name for p in (root / part).glob("*") if p.is_dir()) for part in ("train", "val")]
    if not names[0] or names[0] != names[1]:
        return None, None
    found = ([_images(root / part / name) for name in names[0]] for part in ("train", "val"))
    train, test = (Files([*chain(*own)], [c for c, paths in enumerate(own) for _ in paths]) for own in found)
    return train, test


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def crops(paths: Iterable[Path], recipe: Recipe, random: StepRandom, views: Iterable[int]) -> list[Tensor]:
    """Decode the images of this process's rows and crop every view: `views` uint8 tensors (n, 3, S, S), S by view."""
    images = [Image.open(path).convert("RGB") for path in paths]
    heights, widths = (torch.tensor([image.size[axis] for image in images]) for axis in (1, 0))
    recipes = {view: recipe.of(view) for view in views}
    return [_crop(images, each.boxes(random, view, heights, widths), each) for view, each in recipes.items()]


def _crop(images: list[Image.Image], boxes: Tensor, recipe: Recipe) -> Tensor:
    size, resample = (recipe.size, recipe.size), FILTERS[recipe.crop.interpolation]
    return _stack(  # cropped first: with `box`, PIL's filter also sees the pixels around it
        image.crop((left, top, left + width, top + height)).resize(size, resample)
        for image, (top, left, height, width) in zip(images, boxes.tolist(), strict=True)
    )


def centre(paths: Iterable[Path], size: int) -> Tensor:
    """Decode images as for a test: shorter side to size * 8 / 7 (256 for 224), central crop; uint8 (n, 3, S, S)."""
    images = (Image.open(path).convert("RGB") for path in paths)  # one at a time
    return _stack(image.resize((size, size), FILTERS["bilinear"], box=_central(*image.size)) for image in images)


def _central(width: int, height: int) -> tuple[float, float, float, float]:
    side = min(width, height) * 7 / 8
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def _stack(images: Iterable[Image.Image]) -> Tensor:
    return torch.from_numpy(np.stack([np.asarray(image) for image in images])).permute(0, 3, 1, 2).contiguous()
