"""Image files decoded once, made smaller, and kept side by side in one memory-mapped file.

<cache>/packs/<pixels of the shorter side>-<stamp of the files and of how they are read>/
pixels.bin   uint8, the images one after another, each (H, W, 3)
places.npy   int64 (n, 3), in the order of the files: where each begins in pixels.bin, H and W

Letters: n images, H and W height and width.
"""

import shutil
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision.transforms.v2.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from contrastive_lab.dataset.cache import ELSEWHERE, cache, stamp
from contrastive_lab.dataset.decode import Reader
from contrastive_lab.errors import ConfigError, RunError, first_line
from contrastive_lab.waiting import alone, removed_on_error, sync

PIXELS, PLACES = "pixels.bin", "places.npy"
FORM = 1  # of the two files; another number makes them anew
BLOCK = 16  # images a thread that are decoded before they are written


class PackReader:
    """Gives the images of a pack by the paths of the files that it was made of, as `Reader` does."""

    def __init__(self, folder: Path, rows: dict[str, int]) -> None:
        self.folder, self.rows = folder, rows
        self._pixels, self._places = _opened(folder, len(rows))

    def __reduce__(self) -> tuple[type["PackReader"], tuple[Path, dict[str, int]]]:
        """Let another process map the file itself: a copy of a mapped array has all of its bytes."""
        return type(self), (self.folder, self.rows)

    def __call__(self, path: Path) -> Image.Image:
        """The image of a file in mode RGB."""
        return Image.fromarray(self._array(path))

    def pixels(self, path: Path) -> Tensor:
        """The same as a uint8 tensor (3, H, W)."""
        return torch.from_numpy(np.array(self._array(path))).permute(2, 0, 1)

    def _array(self, path: Path) -> NDArray[np.uint8]:
        start, height, width = self._places[self.rows[str(path)]].tolist()
        return self._pixels[start : start + 3 * height * width].reshape(height, width, 3)


def packed_reader(paths: Sequence[Path], reader: Reader, size: int, workers: int = 1) -> PackReader:
    """The images of files with a shorter side of `size` pixels at most, from a pack, which is made where there is none.

    It is a function of `size`, of the reader and of the files' names, sizes and dates. Images are made smaller by
    torchvision's `resize` (bilinear, antialiased) and otherwise stay as they are. `workers` threads decode.

    Raises:
        ConfigError: in one line, if the pack can be neither read nor written.
        RunError: of a file that cannot be read.
    """
    told = stamp(paths, [FORM, size, asdict(reader)])
    if told is None:
        raise RunError(f"dataset.pack={size}: files went away while they were read; start again")
    packs = cache() / "packs"
    folder = packs / f"{size}-{told}"
    try:
        if not folder.is_dir():
            packs.mkdir(parents=True, exist_ok=True)
            with alone(packs):  # of several processes one makes it and the others take it
                if not folder.is_dir():
                    _make(folder, paths, reader, size, workers)
    except OSError as error:
        why = f"cannot be written ({error.strerror or first_line(error)})"
        raise ConfigError(f"dataset.pack={size}: {packs} {why}; make room, or {ELSEWHERE}") from None
    return PackReader(folder, {str(path): row for row, path in enumerate(paths)})


def smaller(image: Tensor, size: int) -> Tensor:
    """An image (3, H, W) whose shorter side has `size` pixels at most, the longer one int(size * longer / shorter)."""
    return F.resize(image, [size], antialias=True) if min(image.shape[1:]) > size else image


def _make(folder: Path, paths: Sequence[Path], reader: Reader, size: int, workers: int) -> None:
    """Write a pack beside where it will be and then give it its name, so that half of it is never taken."""
    partial = folder.with_name(f"{folder.name}.partial")
    print(f"dataset.pack={size}: decodes {len(paths):,} images once, into {folder}", flush=True)
    shutil.rmtree(partial, ignore_errors=True)  # what was left by one that was killed
    partial.mkdir()
    with removed_on_error(partial):
        sides = list[tuple[int, int]]()
        with (partial / PIXELS).open("wb") as file:
            for pixels in tqdm(_decoded(paths, reader, size, max(1, workers)), "Packing", len(paths), delay=2):
                file.write(pixels.data)
                sides.append(pixels.shape[:2])
        both = np.array(sides, dtype=np.int64)
        np.save(partial / PLACES, np.column_stack((_starts(both), both)))
        for path in (partial / PIXELS, partial / PLACES, partial):
            sync(path)
        partial.rename(folder)


def _decoded(paths: Sequence[Path], reader: Reader, size: int, workers: int) -> Iterator[NDArray[np.uint8]]:
    """The smaller images in order, (H, W, 3) each; no more of them are in memory than are decoded at once."""

    def made(path: Path) -> NDArray[np.uint8]:
        pixels: NDArray[np.uint8] = smaller(reader.pixels(path), size).permute(1, 2, 0).contiguous().numpy()
        return pixels

    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(paths), BLOCK * workers):
            yield from pool.map(made, paths[start : start + BLOCK * workers])


def _starts(sides: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where images of some heights and widths (n, 2) begin that lie one after another, (n,)."""
    sizes: NDArray[np.int64] = 3 * sides.prod(1)
    starts: NDArray[np.int64] = sizes.cumsum() - sizes
    return starts


def _opened(folder: Path, n: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The two arrays of a pack of n images; a ConfigError if they are not whole, or none of this project's."""
    try:
        for path, is_kind in ((folder, stat.S_ISDIR), (folder / PIXELS, stat.S_ISREG), (folder / PLACES, stat.S_ISREG)):
            if not is_kind(path.lstat().st_mode):
                raise ValueError(f"{path.name} is a link or another thing")
        places: NDArray[Any] = np.array(np.lib.format.open_memmap(folder / PLACES, mode="r"))  # unpickles nothing
        pixels = np.memmap(folder / PIXELS, np.uint8, mode="r")
        if places.dtype != np.int64 or places.shape != (n, 3) or places[:, 1:].min() < 1:
            raise ValueError(f"{PLACES} holds {places.dtype} {places.shape} and not the places of {n} images")
        bytes_of_all = sum(3 * height * width for _, height, width in places.tolist())  # whole numbers of any size
        if bytes_of_all != len(pixels) or (places[:, 0] != _starts(places[:, 1:])).any():
            raise ValueError(f"{PIXELS} has {len(pixels):,} bytes and not those of its images")
    except Exception as error:  # numpy promises no list of them
        told = f"{folder} is damaged ({first_line(error)})"
        raise ConfigError(
            f"dataset.pack={folder.name.partition('-')[0]}: {told}; remove it, and it is made anew"
        ) from None
    return pixels, places
