"""A user's own images as arrays in a folder: files of numpy, memory-mapped, in which nothing but numbers is read.

train_images.npy  uint8 (n, H, W) or (n, H, W, C), C = 1 or 3    needed
train_labels.npy  whole numbers from 0, (n,)
test_images.npy, test_labels.npy                                 both or none; with train_labels
unlabeled_images.npy                                             what is pre-trained on, in place of train_images
classes.npy       names in the order of the labels, (C,)
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contrastive_lab.dataset.split import Arrays, Splits, check_classes, split_off
from contrastive_lab.errors import ConfigError, first_line


def own_arrays(root: str, val_fraction: float | None = None, val_seed: int = 0) -> Splits:
    """Arrays of a folder; with `val_fraction` that share of each class is `held_out` by `val_seed`.

    What is held out, and what is left, is copied into memory; all else stays in its file until it is used.

    Raises:
        ConfigError: in a line that names the file, if one is missing, is damaged, or has another type or shape.
    """
    folder = Path(root)
    if not (folder / "train_images.npy").is_file():
        raise ConfigError(f"dataset.root={root}: no train_images.npy in it, uint8 (n, H, W, C)")
    train, test = (_labelled(folder, part) for part in ("train", "test"))
    extra, names = _labelled(folder, "unlabeled"), _names(folder)
    assert train is not None
    if test is not None and train.labels is None:
        raise ConfigError(f"{folder / 'train_labels.npy'}: is not there, and test_labels.npy is")
    notices = [] if train.labels is not None else [f"no labels: no train_labels.npy in {root}"]
    if val_fraction is not None:
        if test is not None or notices:
            why = "; ".join(notices) or f"{root} has test_images.npy; leave it out, or take that away"
            raise ConfigError(f"dataset.val_fraction={val_fraction:g}: {why}")
        train, test = split_off(train, val_fraction, val_seed)
    elif test is None and not notices:
        notices = [f"nothing is tested: no test_images.npy in {root}; dataset.val_fraction=0.1 holds out a tenth"]
    splits = Splits(extra or train, train if test is not None else None, test, tuple(notices), names)
    check_classes(splits, folder / "test_labels.npy", folder / "classes.npy")
    return splits


def _labelled(folder: Path, part: str) -> Arrays | None:
    """The images of a part with their labels; None where it has neither, ConfigError for tests without one of them."""
    files = {name: folder / f"{part}_{name}.npy" for name in ("images", "labels")}
    found = {name: path for name, path in files.items() if path.is_file()}
    if not found:
        return None
    if "images" not in found or (part == "test" and len(found) < 2):
        (missing,) = files.keys() - found.keys()
        raise ConfigError(f"{files[missing]}: is not there, and {next(iter(found.values())).name} is")
    images = _mapped(files["images"])
    if not len(images):
        raise ConfigError(f"{files['images']}: holds no images")
    labels = _mapped(files["labels"]) if "labels" in found else None
    if labels is not None and (labels.dtype.kind not in "iu" or labels.min() < 0):
        raise ConfigError(f"{files['labels']}: holds {labels.dtype}; labels are whole numbers from 0")
    try:
        return Arrays(images[..., None] if images.ndim == 3 else images, labels)
    except ValueError as error:
        raise ConfigError(f"{files['images']}: {error}") from None


def _mapped(path: Path) -> NDArray[Any]:
    """A file of numpy; numpy itself would unpickle one that is none."""
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # numpy promises no list of them
        told = "holds Python objects, which are not read" if "Python objects" in str(error) else first_line(error)
        raise ConfigError(f"{path}: {told}; save one array of numbers with numpy.save") from None


def _names(folder: Path) -> tuple[str, ...]:
    path = folder / "classes.npy"
    return tuple(map(str, _mapped(path).tolist())) if path.is_file() else ()
