"""Data sets as packed arrays: `<data_dir>/<name>/{train,test}_{images,labels}.npy`.

Images are uint8 (n, H, W, C), labels int64 (n,). What lies in `unlabeled_images.npy`, where there is such a file, is
what the encoder learns from, and `classes.npy` has the names of the classes.
"""

import os
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import torchvision.datasets
from numpy.typing import NDArray

from contrastive_lab.dataset.split import Arrays, Splits
from contrastive_lab.errors import ConfigError, RunError
from contrastive_lab.waiting import removed_on_error

FASHION = tuple(torchvision.datasets.FashionMNIST.classes)


def embedded() -> Splits:
    """The images that ship with the package: 5,000 + 1,000 of Fashion-MNIST, 28 x 28, grey (Zalando SE, MIT)."""
    with as_file(files("contrastive_lab.dataset") / "fashion_mnist_mini.npz") as path, np.load(path) as data:
        train, test = (
            Arrays(data[f"x_{part}"][..., None], data[f"y_{part}"].astype(np.int64)) for part in ("train", "test")
        )
    return Splits(pretrain=train, train=train, test=test, names=FASHION)


def packed(name: str, data_dir: str, write: bool = True) -> Splits:
    """One of fashion_mnist, cifar10, cifar100 and stl10, memory-mapped.

    Torchvision downloads it where its arrays are missing; RunError if that fails, ConfigError without `write`.
    """
    folder = Path(data_dir) / name
    if not (folder / "train_images.npy").exists():
        check_written(write, data_dir, f"no arrays of {name}")
        _pack(name, folder)
    train, test = (
        Arrays(np.load(folder / f"{part}_images.npy", mmap_mode="r"), np.load(folder / f"{part}_labels.npy"))
        for part in ("train", "test")
    )
    extra, classes = folder / "unlabeled_images.npy", folder / "classes.npy"  # not there where an older version packed
    names = tuple(np.load(classes).tolist()) if classes.exists() else FASHION if name == "fashion_mnist" else ()
    pretrain = Arrays(np.load(extra, mmap_mode="r")) if extra.exists() else train
    return Splits(pretrain, train, test, names=names)


def check_written(write: bool, data_dir: str, lacks: str) -> None:
    """Raise a ConfigError where a data set would be written into a folder that no line names, but a stored run does."""
    if not write:
        told = "a stored run does not say where to write; data_dir=<folder> on the line does"
        raise ConfigError(f"data_dir={data_dir}: {lacks} in it, and {told}")


def _pack(name: str, folder: Path) -> None:
    """Download a data set and write its arrays, train_images.npy last, so that a broken download is not taken."""
    print(f"{folder} has no packed arrays yet: torchvision downloads {name}", flush=True)
    try:
        parts = dict(_download(name, folder / "download"))
    except Exception as error:
        reason = [type(error).__name__, *str(error).strip().splitlines()][-1]
        raise RunError(f"dataset={name}: no arrays in {folder} and the download failed ({reason})") from error
    folder.mkdir(parents=True, exist_ok=True)
    for part in sorted(parts, key=lambda part: part == "train_images"):
        partial = folder / f"{part}.partial-{os.getpid()}.npy"
        with removed_on_error(partial):
            np.save(partial, parts[part])
            partial.replace(folder / f"{part}.npy")


def _download(name: str, root: Path) -> Iterator[tuple[str, NDArray[Any]]]:
    """Arrays of a data set by the names of their files."""
    for part in ("train", "test", "unlabeled") if name == "stl10" else ("train", "test"):
        if name == "stl10":
            data = torchvision.datasets.STL10(str(root), split=part, download=True)
            images, labels = np.ascontiguousarray(data.data.transpose(0, 2, 3, 1)), data.labels
        else:
            source = {"fashion_mnist": "FashionMNIST", "cifar10": "CIFAR10", "cifar100": "CIFAR100"}[name]
            data = getattr(torchvision.datasets, source)(str(root), train=part == "train", download=True)
            images, labels = np.asarray(data.data), data.targets
        yield "classes", np.asarray(data.classes)
        yield f"{part}_images", images if images.ndim == 4 else images[..., None]
        if part != "unlabeled":
            yield f"{part}_labels", np.asarray(labels, dtype=np.int64)
