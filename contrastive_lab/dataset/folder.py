"""Folders of images: found, decoded and cropped here; everything after the crop happens on the device."""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import torch
import torchvision.transforms.v2.functional as F
from PIL import Image
from torch import Tensor
from torchvision.transforms import InterpolationMode

from contrastive_lab.augment import Recipe
from contrastive_lab.dataset.split import Files, Splits
from contrastive_lab.errors import RunError
from contrastive_lab.randomness import StepRandom

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".ppm", ".tif", ".tiff"}


def image_folder(root: str, probe_root: str | None = None) -> Splits:
    """Images of a folder to pre-train on, with labelled splits for the probes where there are any.

    All images below `root/train`, or below `root` where there is no such folder, are pre-trained on. The probes' are
    those of `probe_root` or else `root` if its `train/` and `val/` hold the same folders, one per class. Such folders
    in `train/` alone are not taken for labels: nothing could be tested on them. RunError if there is no image, or if
    `probe_root` has no classes.
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
    widths, heights = torch.tensor([image.size for image in images]).unbind(1)
    made = []
    for view in views:
        own = recipe.of(view)
        boxes = own.boxes(random, view, heights, widths).tolist()
        size, mode = [own.size, own.size], InterpolationMode(own.crop.interpolation)
        made.append(_stack(F.resized_crop(image, *box, size, mode) for image, box in zip(images, boxes, strict=True)))
    return made


def centre(paths: Iterable[Path], size: int) -> Tensor:
    """Decode images as for a test: shorter side to size * 8 / 7 (256 for 224), central crop; uint8 (n, 3, S, S)."""
    made = []
    for path in paths:
        image = Image.open(path).convert("RGB")
        side = min(image.size) * 7 / 8
        left, top = ((length - side) / 2 for length in image.size)
        box = (left, top, left + side, top + side)
        made.append(image.resize((size, size), Image.Resampling.BILINEAR, box))
    return _stack(made)


def _stack(images: Iterable[Image.Image]) -> Tensor:
    return torch.stack([F.pil_to_tensor(image) for image in images]).contiguous()
