"""Files are looked through before anything is made of them."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contrastive_lab.dataset import look
from contrastive_lab.dataset.decode import Reader
from contrastive_lab.dataset.look import NAMED, look_through
from contrastive_lab.errors import ConfigError


def images(folder: Path, count: int, **how: int) -> list[Path]:
    """Files of noise between `low` and `high`."""
    noise, low, high = np.random.default_rng(0), how.get("low", 0), how.get("high", 256)
    paths = [folder / f"{i:03d}.png" for i in range(count)]
    for path in paths:
        Image.fromarray(noise.integers(low, high, (8, 8, 3), np.uint8)).save(path)
    return paths


@pytest.mark.parametrize("workers", [0, 3])
def test_all_files_that_cannot_be_read_are_named(workers: int, tmp_path: Path) -> None:
    paths = images(tmp_path, 30)
    for path in (bad := paths[3:27]):
        path.write_text("no image")
    with pytest.raises(ConfigError) as caught:
        look_through(paths, Reader(), workers)
    named = [f"{path}: is no image that can be read" for path in bad[:NAMED]]
    assert list(caught.value.problems) == [*named, "4 more files cannot be read"]
    look_through([path for path in paths if path not in bad], Reader(), workers)


def test_images_without_content_are_noticed(tmp_path: Path) -> None:
    assert look_through(images(tmp_path, 4), Reader()).notices == []
    told = look_through(images(tmp_path, 4, low=7, high=8), Reader()).notices
    assert len(told) == 1 and told[0].startswith("4 of 4 images are of one colour") and "dataset.range" in told[0]
    assert "nearly black" in look_through(images(tmp_path, 4, low=0, high=17), Reader()).notices[0]  # 12 bits in 16
    assert look_through(images(tmp_path, 4, low=0, high=40), Reader()).notices == []
    extreme = images(tmp_path, 4, low=0, high=2)
    for path in extreme:
        Image.fromarray(255 * np.asarray(Image.open(path))).save(path)
    assert "all but black and white" in look_through(extreme, Reader()).notices[0]
    (tmp_path / "more").mkdir()
    assert look_through([*extreme[:2], *images(tmp_path / "more", 2)], Reader()).notices == []  # no more than half


def test_files_are_decoded_once_until_they_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths, seen = images(tmp_path, 5, low=7, high=8), []
    one = look._look
    monkeypatch.setattr(look, "_look", lambda path, reader: (seen.append(path), one(path, reader))[1])
    first = look_through(paths, Reader())
    assert (look_through(paths, Reader()), len(seen)) == (first, 5)
    look_through(paths, Reader(range=(0, 4095)))
    assert len(seen) == 10
    paths[0].write_text("no image")
    for _ in range(2):  # what is wrong is never remembered
        with pytest.raises(ConfigError):
            look_through(paths, Reader())
    assert len(seen) == 20


def test_what_the_system_did_not_give_is_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths, opened = images(tmp_path, 4), Image.open

    def refused(path: Path, *rest: object) -> Image.Image:
        if Path(path) == paths[1]:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(path, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Image, "open", refused)
        assert [*look_through(paths, Reader(), skip=True).unreadable] == [str(paths[1])]
    assert look_through(paths, Reader(), skip=True).unreadable == {}
    paths[2].write_bytes(paths[2].read_bytes()[:60])
    assert [*look_through(paths, Reader(), skip=True).unreadable] == [str(paths[2])]


@pytest.mark.parametrize("left", [b"", b"[", b"\xff", b"{}"])
def test_a_damaged_memory_is_none(left: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    paths = images(tmp_path, 4, low=7, high=8)
    first = look_through(paths, Reader())
    (memory,) = (tmp_path / "cache" / "contrastive_lab").iterdir()
    whole = memory.read_bytes()
    memory.write_bytes(left)
    assert look_through(paths, Reader()) == first
    assert memory.read_bytes() == whole


def test_what_is_remembered_is_never_there_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write = Path.write_text

    def full(self: Path, text: str, *rest: str, **options: str) -> int:
        write(self, "", *rest, **options)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    assert look_through(images(tmp_path, 4), Reader()).notices == []
    assert list((tmp_path / "cache" / "contrastive_lab").iterdir()) == []


def test_files_that_are_skipped_are_told_and_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths, seen = images(tmp_path, 30), []
    for path in (bad := paths[3:27]):
        path.write_text("no image")
    one = look._look
    monkeypatch.setattr(look, "_look", lambda path, reader: (seen.append(path), one(path, reader))[1])
    for _ in range(2):
        looked = look_through(paths, Reader(), skip=True)
        assert [*looked.unreadable] == [str(path) for path in bad]
        named = [f"{path}: is no image that can be read" for path in bad[:NAMED]]
        counted = "24 of 30 images cannot be read and are skipped"
        assert looked.notices == [counted, *named, "4 more files cannot be read"]
    assert len(seen) == 30
    with pytest.raises(ConfigError):  # where it was not asked to skip them they are looked at again
        look_through(paths, Reader())
    assert len(seen) == 60
