"""The last checkpoint and the one before it."""

import os
import zipfile
from pathlib import Path

import pytest

from contrastive_lab.record.checkpoint import (
    drop_previous,
    is_whole,
    readable_checkpoint,
    replace_checkpoint,
    restore_previous,
)


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("data", content)
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A folder with a checkpoint "b", before which there was "a"."""
    for content in (b"a" * 1000, b"b" * 1000):
        replace_checkpoint(tmp_path, write(tmp_path / "checkpoints" / "last.ckpt.partial", content))
    return tmp_path


def test_the_one_before_the_last_is_kept_and_no_part_is_left(run: Path) -> None:
    names = {path.name: zipfile.ZipFile(path).read("data")[:1] for path in (run / "checkpoints").iterdir()}
    assert names == {"last.ckpt": b"b", "previous.ckpt": b"a"}
    assert readable_checkpoint(run) == run / "checkpoints" / "last.ckpt"
    drop_previous(run)
    drop_previous(run)
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "gone", "other"])
def test_a_last_one_that_is_not_whole_makes_way_for_the_one_before(damage: str, run: Path) -> None:
    last = run / "checkpoints" / "last.ckpt"
    content = bytearray(last.read_bytes())
    if damage == "cut":
        last.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":  # a single bit within the data, which a checksum alone can tell
        content[content.index(b"bbb") + 500] ^= 1
        last.write_bytes(content)
        assert zipfile.is_zipfile(last)
    elif damage == "gone":
        last.unlink()
    else:
        last.write_bytes(b"" if damage == "empty" else b"no checkpoint")
    assert not is_whole(last)
    assert readable_checkpoint(run) == run / "checkpoints" / "previous.ckpt"
    restore_previous(run)
    assert readable_checkpoint(run) == last and zipfile.ZipFile(last).read("data")[:1] == b"a"
    assert (run / "checkpoints" / "damaged.ckpt").exists() == (damage != "gone")
    last.unlink()
    assert readable_checkpoint(run) is None


def test_a_kill_between_the_two_renames_leaves_the_one_before(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    partial = write(run / "checkpoints" / "last.ckpt.partial", b"c" * 1000)
    rename = Path.replace

    def killed(self: Path, target: Path) -> Path:
        if self == partial:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        replace_checkpoint(run, partial)
    found = readable_checkpoint(run)
    assert found is not None and zipfile.ZipFile(found).read("data")[:1] == b"b"


def test_it_is_on_the_disk_before_it_takes_the_name(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    rename, sync = Path.replace, os.fsync
    monkeypatch.setattr(Path, "replace", lambda self, to: (steps.append(self.name), rename(self, to))[1])
    monkeypatch.setattr(os, "fsync", lambda file: (steps.append("sync"), sync(file))[1])
    replace_checkpoint(run, write(run / "checkpoints" / "last.ckpt.partial", b"c"))
    assert steps == ["sync", "last.ckpt", "last.ckpt.partial", "sync"]
