"""The checkpoints of a run: the last one, and the one before it in case the last is lost or damaged."""

import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError

from contrastive_lab.errors import ConfigError
from contrastive_lab.record.files import CHECKPOINT
from contrastive_lab.waiting import removed_on_error, sync

PREVIOUS = "checkpoints/previous.ckpt"
NOT_FINITE = "checkpoints/not_finite.ckpt"  # what a step began with that came to a NaN or an infinity


def replace_checkpoint(folder: Path, partial: Path) -> None:
    """Make a file the last checkpoint of the run in `folder`, once it is on the disk, and keep the one before it."""
    last = folder / CHECKPOINT
    sync(partial)
    if last.exists():
        last.replace(folder / PREVIOUS)
    partial.replace(last)
    sync(last.parent)


def keep_checkpoint(folder: Path, epoch: int) -> None:
    """Keep a copy of the last checkpoint, that of the end of an epoch, counted from 1."""
    kept = (folder / CHECKPOINT).with_name(f"epoch={epoch}.ckpt")
    partial = kept.with_suffix(".partial")
    with removed_on_error(partial):
        shutil.copyfile(folder / CHECKPOINT, partial)
        partial.replace(kept)


def kept_checkpoints(folder: Path) -> dict[int, Path]:
    """The checkpoints that were kept, by the epoch, from 1, at whose end they were written; in order."""
    found = {int(path.stem.removeprefix("epoch=")): path for path in (folder / CHECKPOINT).parent.glob("epoch=*.ckpt")}
    return dict(sorted(found.items()))


def readable_checkpoint(folder: Path) -> Path | None:
    """The last checkpoint if it can be read whole, else the one before it, else None."""
    return next((path for name in (CHECKPOINT, PREVIOUS) if is_whole(path := folder / name)), None)


def restore_previous(folder: Path) -> None:
    """Make the checkpoint before the last the last one; what is there of a damaged one becomes damaged.ckpt."""
    last = folder / CHECKPOINT
    if last.exists():
        last.replace(last.with_name("damaged.ckpt"))
    (folder / PREVIOUS).replace(last)


def drop_previous(folder: Path) -> None:
    """Remove the checkpoint before the last, of a run that is done."""
    (folder / PREVIOUS).unlink(missing_ok=True)


def is_whole(path: Path) -> bool:
    """Whether a checkpoint is there and each of its parts has the checksum that it was written with."""
    try:
        with zipfile.ZipFile(path) as file:
            return file.testzip() is None
    except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError):
        return False


@contextmanager
def tensors_alone(path: Path | None) -> Iterator[None]:
    """A ConfigError in one line if what torch loads from `path` holds more than tensors and plain values."""
    try:
        yield
    except UnpicklingError:
        raise ConfigError(f"{path}: holds code beside tensors; nothing of it was loaded") from None
