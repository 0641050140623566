"""Folders of images: which files are read, and which labels they have."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from contrastive_lab.dataset import data_hash, image_folder
from contrastive_lab.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Write images of noise: `folder("train/cat/a.png", ...)`."""
    noise = np.random.default_rng(0)

    def write(*names: str, size: tuple[int, int] = (20, 14)) -> Path:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(noise.integers(0, 256, (*size, 3), np.uint8)).save(path)
        return tmp_path

    return write


def test_a_folder_of_classes_has_labels(folder: Callable[..., Path]) -> None:
    root = folder("train/b/1.png", "train/a/2.png", "train/a/3.jpg", "val/a/4.png", "val/b/5.PNG")
    splits = image_folder(str(root))
    assert len(splits.pretrain) == 3
    assert [p.parent.name for p in splits.train.paths] == ["a", "a", "b"]
    assert splits.train.labels.tolist() == [0, 0, 1]
    assert splits.test.labels.tolist() == [0, 1]


PROBED = ("train/cat/1.png", "train/cat/2.png", "train/dog/3.png", "val/cat/4.png", "val/dog/5.png")


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("a.png", "sub/b.png"), "no labels: no train/ in "),
        (("train/a.png", "train/b.png"), "no labels: train/ has no folder for each class, but 2 images such as a.png"),
        (("train/a.png", "train/x/b.png"), "no labels: train/ has images beside its folders, such as a.png"),
    ],
)
def test_a_folder_without_classes_says_why(names: tuple[str, ...], told: str, folder: Callable[..., Path]) -> None:
    splits = image_folder(str(folder(*names)))
    assert (len(splits.pretrain), splits.classes, splits.probed) == (2, 0, False)
    assert splits.notices[0].startswith(told)


@pytest.mark.parametrize(
    ("renamed", "told"),
    [
        ({}, None),
        ({"val/cat": "val/Cat"}, "nothing is tested: val/ has Cat, which train/ has not (it has cat)"),
        ({"val": "test"}, "(test/ is not read; name it val/)"),
        ({"val/cat/4.png": "val/4.png"}, "nothing is tested: val/ has images beside its folders, such as 4.png"),
        ({"val/dog": "val/eel"}, "nothing is tested: val/ has eel, which train/ has not"),
    ],
)
def test_labels_to_train_on_stay_where_nothing_can_be_tested(
    renamed: dict[str, str], told: str | None, folder: Callable[..., Path]
) -> None:
    root = folder(*PROBED)
    for old, new in renamed.items():
        (root / old).rename(root / new)
    splits = image_folder(str(root))
    assert splits.pretrain.labels.tolist() == [0, 0, 1] and splits.classes == 2
    assert splits.probed == (told is None)
    assert [told in notice for notice in splits.notices] == [True] * bool(told)


def test_hidden_files_and_folders_never_count(folder: Callable[..., Path]) -> None:
    root = folder(*PROBED, "train/.ipynb_checkpoints/cat.png", "val/.cache/x/y.png")
    for name in ("train/cat/._1.png", "train/dog/.DS_Store"):
        (root / name).write_bytes(b"Mac OS X")
    splits = image_folder(str(root))
    assert (len(splits.pretrain), len(splits.test), splits.classes, splits.notices) == (3, 2, 2, ())


def test_a_class_without_images_is_left_out_and_one_without_test_images_is_told(folder: Callable[..., Path]) -> None:
    root = folder(*PROBED, "train/eel/6.png", "val/ant/7.png", "val/cat/8.png")
    (root / "train" / "ant").mkdir()
    splits = image_folder(str(root))
    assert splits.notices == (
        "class ant: no images in train/, so it is left out",
        "class eel: no test images",
    )
    assert splits.train.labels.tolist() == [0, 0, 1, 2]
    assert splits.test.labels.tolist() == [0, 0, 1]
    assert splits.probed


def test_links_are_followed_and_a_folder_is_no_image(folder: Callable[..., Path]) -> None:
    root = folder("store/cat/1.png", "store/dog/2.png", "store/dog/holiday.jpg/3.png")
    (root / "own" / "train").mkdir(parents=True)
    for name in ("cat", "dog"):
        (root / "own" / "train" / name).symlink_to(root / "store" / name)
    (root / "store" / "cat" / "back").symlink_to(root / "store")  # no end, if it were followed again and again
    splits = image_folder(str(root / "own"))
    assert splits.classes == 2
    assert sorted(path.name for path in splits.pretrain.paths).count("1.png") == 1


def test_files_that_are_not_read_are_counted(folder: Callable[..., Path]) -> None:
    root = folder(*PROBED)
    (root / "train" / "cat" / "a.gif").write_text("")
    (root / "train" / "cat" / "notes").write_text("")
    (notice,) = image_folder(str(root)).notices
    assert notice.startswith("1 files of .gif, 1 files of no suffix are not read, only those of .bmp .jpeg")


def test_all_files_that_cannot_be_read_are_named_at_once(folder: Callable[..., Path]) -> None:
    root = folder(*PROBED)
    (root / "val" / "dog" / "9.png").write_text("")
    (root / "train" / "cat" / "0.png").symlink_to("gone.png")
    with pytest.raises(ConfigError) as caught:
        image_folder(str(root))
    assert [problem.rpartition("/")[2] for problem in caught.value.problems] == [
        "0.png: is not there",
        "9.png: is no image that can be read",
    ]


@pytest.mark.parametrize("name", ["", "train/cat", "val/dog", "val", "train/cat/more"])
def test_a_folder_that_cannot_be_listed_is_named_and_not_left_out(
    name: str, folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a folder of mode 700 of another user; root, who may run this, can list all."""
    closed, scandir = folder(*PROBED, "train/cat/more/6.png") / name, os.scandir

    def listed(path: Any = ".") -> Any:
        if Path(path) == closed:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", listed)
    with pytest.raises(ConfigError) as caught:
        image_folder(str(folder()))
    assert caught.value.problems == (f"{closed}: cannot be read (Permission denied)",)


def test_a_file_that_cannot_be_looked_at_is_named(folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a folder of another user whose names can be read alone."""
    closed, stat = folder(*PROBED) / "val" / "dog" / "5.png", Path.stat

    def looked_at(self: Path, **options: bool) -> os.stat_result:
        if self == closed:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))
        return stat(self, **options)

    monkeypatch.setattr(Path, "stat", looked_at)
    monkeypatch.setattr("PIL.Image.open", lambda path, read=Image.open: (looked_at(path), read(path))[1])
    with pytest.raises(ConfigError) as caught:
        image_folder(str(folder()))
    assert caught.value.problems == (f"{closed}: [Errno 13] Permission denied: '{closed}'",)


def test_probes_can_have_a_folder_of_their_own(folder: Callable[..., Path], tmp_path: Path) -> None:
    folder("raw/1.png", "raw/2.png", "labelled/train/a/3.png", "labelled/val/a/4.png")
    splits = image_folder(str(tmp_path / "raw"), str(tmp_path / "labelled"))
    assert (len(splits.pretrain), len(splits.train), len(splits.test)) == (2, 1, 1)
    with pytest.raises(ConfigError, match=r"dataset.probe_root=.*no labels: no train/ in"):
        image_folder(str(tmp_path / "raw"), str(tmp_path / "raw"))
    with pytest.raises(ConfigError, match=r"dataset.root=.*no such folder"):
        image_folder(str(tmp_path / "labelled" / "train" / "nothing"))


CLASSES = tuple(f"{name}/{i}.png" for name in ("cat", "dog", "eel") for i in range(10))


@pytest.mark.parametrize("above", ["", "train/"])
def test_a_share_of_folders_of_classes_is_tested_on(above: str, folder: Callable[..., Path]) -> None:
    root = folder(*(above + name for name in CLASSES))
    splits = image_folder(str(root), val_fraction=0.2)
    assert (len(splits.pretrain), splits.classes, splits.names) == (24, 3, ("cat", "dog", "eel"))
    assert splits.pretrain is splits.train and splits.test.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert {*splits.train.paths} | {*splits.test.paths} == {root / (above + name) for name in CLASSES}
    for split in (splits.train, splits.test):
        assert [splits.names[label] for label in split.labels] == [path.parent.name for path in split.paths]
    again, other = (image_folder(str(root), val_fraction=0.2, val_seed=seed) for seed in (0, 1))
    assert again.test.paths == splits.test.paths != other.test.paths
    hashes = {data_hash(part) for part in (splits, again, other, image_folder(str(root), val_fraction=0.3))}
    assert len(hashes) == 3


def test_classes_without_images_to_hold_out_are_told(folder: Callable[..., Path]) -> None:
    root = folder("cat/0.png", "cat/1.png", "dog/0.png")
    (root / "eel").mkdir()
    splits = image_folder(str(root), val_fraction=0.5)
    assert splits.notices == (
        "class eel: no images, so it is left out",
        "class dog: no test images, for it has one image",
    )
    assert (splits.train.labels.tolist(), splits.test.labels.tolist()) == ([0, 1], [0])


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("cat/0.png", "dog/0.png", "val/cat/1.png"), "has a val/ to test on"),
        (("0.png", "1.png"), "has no folder for each class, but 2 images such as 0.png; it needs folders of images"),
        (("cat/0.png", "cat/1.png"), "has fewer than two; it needs folders of images"),
        (("cat/0.png", "dog/0.png", "2.png"), "has images beside its folders, such as 2.png"),
        (("cat/0.png", "dog/0.png"), "has one image, and none can be held out"),
    ],
)
def test_what_cannot_be_split_is_told(names: tuple[str, ...], told: str, folder: Callable[..., Path]) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        image_folder(str(folder(*names)), val_fraction=0.1)
    assert str(caught.value).startswith("dataset.val_fraction=0.1: ")


def test_folders_of_classes_that_are_not_split_say_how(folder: Callable[..., Path]) -> None:
    (notice,) = image_folder(str(folder(*CLASSES))).notices
    assert notice.endswith("; dataset.val_fraction=0.1 takes its folders (cat, dog, eel) as classes")


def test_files_that_cannot_be_read_are_skipped_if_asked(folder: Callable[..., Path]) -> None:
    root = folder(*PROBED, "train/eel/6.png")
    for name in ("train/cat/1.png", "train/eel/6.png", "val/dog/5.png"):
        (root / name).write_text("no image")
    splits = image_folder(str(root), on_error="skip")
    assert (len(splits.pretrain), len(splits.test), splits.skipped, splits.names) == (2, 1, 3, ("cat", "dog"))
    assert splits.notices[:3] == (
        "class eel: no images in train/, so it is left out",
        "class dog: no test images",
        "3 of 6 images cannot be read and are skipped",
    )
    assert len(splits.notices) == 6
    for path in (*splits.train.paths, *splits.test.paths):
        path.write_text("no image")
    with pytest.raises(ConfigError, match="no image that can be read below"):
        image_folder(str(root), on_error="skip")


def test_the_hash_is_that_of_what_was_not_skipped(folder: Callable[..., Path]) -> None:
    root = folder(*PROBED)
    (root / "train/cat/1.png").write_text("no image")
    skipped = data_hash(image_folder(str(root), on_error="skip"))
    (root / "train/cat/1.png").unlink()
    assert data_hash(image_folder(str(root))) == skipped
