"""A folder of images is packed once, and what is read of the pack is what is read of images of that size."""

import errno
import os
import pickle
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from contrastive_lab.augment import Color, Crop, Recipe
from contrastive_lab.dataset import Splits, ViewsDataModule, data_hash, image_folder, pack
from contrastive_lab.dataset.decode import Reader, centre
from contrastive_lab.dataset.module import Position
from contrastive_lab.dataset.pack import packed_reader
from contrastive_lab.errors import ConfigError

SIZE = 16
RECIPE = Recipe(12, [0.5], [0.25], Crop(), 0.5, Color(), 0.2, 0.0)


@pytest.fixture(autouse=True)
def packs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the packs of a test lie."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "contrastive_lab" / "packs"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Images of every kind and of several sizes, some of them smaller than a pack's: `train/` and `val/` of two."""
    noise, folder, exif = np.random.default_rng(0), tmp_path / "photos", Image.Exif()
    exif[0x0112] = 6
    for i, name in enumerate(f"{part}/{kind}/{i}" for part in ("train", "val") for kind in "ab" for i in range(4)):
        height, width = 10 + 5 * (i % 5), 40 - 6 * (i % 4)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        image = noise.integers(0, 256, (height, width, 4), np.uint8)
        if i % 4 == 0:
            Image.fromarray(image[..., :3]).save(folder / f"{name}.jpg", quality=90)
        elif i % 4 == 1:
            Image.fromarray(image[..., :3]).save(folder / f"{name}.jpg", exif=exif)
        elif i % 4 == 2:
            Image.fromarray(image).save(folder / f"{name}.png")
        else:
            Image.fromarray(image[..., 0].astype(np.uint16) * 257).save(folder / f"{name}.png")
    return folder


def batches(splits: Splits, workers: int = 0, first: int = 0) -> list[Position]:
    data = ViewsDataModule(Splits(splits.pretrain, None, None), RECIPE, batch_size=2, workers=workers)
    return [*data.positions(0, first)]


def test_a_pack_is_read_as_images_of_its_size_are(photos: Path, tmp_path: Path) -> None:
    resized = tmp_path / "resized"
    for path in photos.rglob("*.*"):
        to = (resized / path.relative_to(photos)).with_suffix(".png")
        to.parent.mkdir(parents=True, exist_ok=True)
        image = v2.functional.pil_to_tensor(Reader()(path))
        small = v2.Resize(SIZE)(image) if min(image.shape[1:]) > SIZE else image
        Image.fromarray(small.permute(1, 2, 0).numpy()).save(to)
    packed, by_hand = image_folder(str(photos), workers=2, pack=SIZE), image_folder(str(resized))
    for workers in (0, 1):
        for ours, theirs in zip(batches(packed, workers), batches(by_hand), strict=True):
            assert torch.equal(ours.ids, theirs.ids)
            assert all(map(torch.equal, ours.crops, theirs.crops))
    for ours, theirs in ((packed.train, by_hand.train), (packed.test, by_hand.test)):
        clean = [centre(part.reader, part.paths, RECIPE.size) for part in (ours, theirs)]
        assert torch.equal(*clean)


def test_a_pack_changes_neither_the_hash_nor_where_a_run_goes_on(photos: Path) -> None:
    packed, plain = image_folder(str(photos), pack=SIZE), image_folder(str(photos))
    assert data_hash(packed) == data_hash(plain) and packed.pretrain is packed.train
    whole, rest = batches(packed), batches(packed, first=2)
    for ours, theirs in zip(whole[2:], rest, strict=True):
        assert all(map(torch.equal, ours.crops, theirs.crops))
    assert not torch.equal(whole[0].crops[0], batches(plain)[0].crops[0])


def test_it_is_made_once_of_the_same_files(
    photos: Path, packs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    image_folder(str(photos), pack=SIZE)
    assert capsys.readouterr().out.startswith(f"dataset.pack={SIZE}: decodes 16 images once, into {packs}/{SIZE}-")
    image_folder(str(photos), pack=SIZE)
    assert len([*packs.iterdir()]) == 1 and capsys.readouterr().out == ""
    image_folder(str(photos), pack=SIZE, background=(0, 0, 0))
    image_folder(str(photos), pack=SIZE + 1)
    os.utime(photos / "train" / "a" / "0.jpg", ns=(0, 0))
    image_folder(str(photos), pack=SIZE)
    (photos / "train" / "a" / "0.jpg").write_text("no image")
    assert len(image_folder(str(photos), pack=SIZE, on_error="skip").pretrain) == 7
    assert len([*packs.iterdir()]) == 5


def test_two_at_once_make_one(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, make = [], pack._make
    monkeypatch.setattr(
        pack, "_make", lambda folder, *rest: (made.append(folder), time.sleep(0.1), make(folder, *rest))
    )
    paths = sorted(photos.rglob("*.*"))
    with ThreadPoolExecutor(2) as pool:
        readers = [*pool.map(lambda _: packed_reader(paths, Reader(), SIZE), range(2))]
    assert len(made) == 1
    assert all(torch.equal(*(reader.pixels(path) for reader in readers)) for path in paths)


def test_a_reader_in_another_process_maps_the_file_anew(photos: Path) -> None:
    paths = sorted(photos.rglob("*.*"))
    reader = packed_reader(paths, Reader(), SIZE)
    sent = pickle.dumps(reader)
    assert b"numpy" not in sent
    assert torch.equal(pickle.loads(sent).pixels(paths[3]), reader.pixels(paths[3]))


def objects(folder: Path) -> None:
    np.save(folder / "places.npy", np.array([print] * 16, dtype=object), allow_pickle=True)


def linked(name: str) -> Callable[[Path], None]:
    def replace(folder: Path) -> None:
        (path := folder / name).rename(folder.parent / "elsewhere")
        path.symlink_to(folder.parent / "elsewhere")

    return replace


def places(change: Callable[[Any], Any]) -> Callable[[Path], None]:
    return lambda folder: np.save(folder / "places.npy", change(np.load(folder / "places.npy")))


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (objects, "Python objects"),
        (linked("pixels.bin"), "pixels.bin is a link"),
        (linked("places.npy"), "places.npy is a link"),
        (linked(""), " is a link"),
        (lambda folder: (folder / "places.npy").unlink(), "No such file"),
        (lambda folder: (folder / "places.npy").write_bytes(b"no array"), "magic string"),
        (lambda folder: os.truncate(folder / "pixels.bin", 999), "has 999 bytes and not those of its images"),
        (lambda folder: (folder / "pixels.bin").write_bytes(b""), "empty file"),
        (places(lambda rows: rows[:-1]), r"\(15, 3\) and not the places of 16 images"),
        (places(lambda rows: rows.astype(float)), "holds float64"),
        (places(lambda rows: -rows), "not the places of 16 images"),
        (places(lambda rows: rows * 2**40), "not those of its images"),
        (places(lambda rows: rows[::-1]), "not those of its images"),
    ],
)
def test_a_pack_that_is_damaged_or_anothers_is_one_line(
    harm: Callable[[Path], None], told: str, photos: Path, packs: Path
) -> None:
    image_folder(str(photos), pack=SIZE)
    (folder,) = packs.iterdir()
    harm(folder)
    with pytest.raises(ConfigError, match=told) as caught:
        image_folder(str(photos), pack=SIZE)
    (problem,) = caught.value.problems
    assert problem.startswith(f"dataset.pack={SIZE}: {folder} is damaged (")
    assert problem.endswith("; remove it, and it is made anew")


def test_a_full_disk_is_one_line_and_leaves_nothing(photos: Path, packs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pack, "sync", full)
    with pytest.raises(ConfigError) as caught:
        image_folder(str(photos), pack=SIZE)
    told = f"dataset.pack={SIZE}: {packs} cannot be written (No space left on device); make room, or"
    assert caught.value.problems == (f"{told} XDG_CACHE_HOME=<folder> puts the cache elsewhere",)
    assert [*packs.iterdir()] == []


def test_a_cache_that_cannot_be_written_is_one_line(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(ConfigError, match=r"dataset\.pack=16: .*cannot be written \(Not a directory\)"):
        image_folder(str(photos), pack=SIZE)


def test_what_a_killed_process_left_is_made_anew(photos: Path, packs: Path) -> None:
    image_folder(str(photos), pack=SIZE)
    (folder,) = packs.iterdir()
    pixels = (folder / "pixels.bin").read_bytes()
    folder.rename(partial := folder.with_name(f"{folder.name}.partial"))
    os.truncate(partial / "pixels.bin", 10)
    image_folder(str(photos), pack=SIZE)
    assert [*packs.iterdir()] == [folder] and (folder / "pixels.bin").read_bytes() == pixels
