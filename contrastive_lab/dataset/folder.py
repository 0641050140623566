"""Folders of images: which files are read, and which labels they have."""

import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal, cast

from contrastive_lab.dataset.decode import Reader
from contrastive_lab.dataset.look import look_through
from contrastive_lab.dataset.pack import packed_reader
from contrastive_lab.dataset.split import Files, Splits, split_off
from contrastive_lab.errors import ConfigError, choice

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".pgm", ".pnm", ".ppm", ".tif", ".tiff"}
OnError = Literal["stop", "skip"]
Classes = dict[str, list[Path]]  # images by the folder of their class


def image_folder(
    root: str,
    probe_root: str | None = None,
    range: Sequence[int] = (0, 65535),
    background: Sequence[int] = (255, 255, 255),
    workers: int = 1,
    val_fraction: float | None = None,
    val_seed: int = 0,
    on_error: OnError = "stop",
    pack: int | None = None,
) -> Splits:
    """Images of a folder to pre-train on, with labelled splits for the probes where there are any.

    All images below `root/train`, or below `root` where there is no such folder, are pre-trained on. Their labels are
    the folders in `train/`, one a class, and what is tested are those of the same names in `val/`; `probe_root` is
    another folder for the probes alone. With `val_fraction` there is no `val/`: that share of each class of `train/`,
    or of `root` where there is no `train/`, is `held_out` by `val_seed`. What is hidden never counts, and links are
    followed. `range` and `background` are those of `Reader`, `pack` is the size of `packed_reader`; `workers` threads
    look through the files, and those that cannot be read end it, or are left out with `on_error` "skip".

    Raises:
        ConfigError: if there is no image, if `probe_root` or `val_fraction` finds no classes, of a folder that cannot
            be read, or of all files that cannot.
    """
    skip = choice("on_error", on_error, OnError) == "skip"
    reader = Reader((range[0], range[1]), (background[0], background[1], background[2]))
    _inside(Path(root))  # what is wrong with that folder itself comes first
    splits = _splits(root, probe_root, Folders(reader, val_fraction, val_seed))
    read = sorted({path for part in splits[:3] if part is not None for path in cast(Files, part).paths})
    looked = look_through(read, reader, workers, skip)
    if looked.unreadable:
        splits = _splits(root, probe_root, Folders(reader, val_fraction, val_seed, frozenset(looked.unreadable)))
    if pack is not None:
        packed = packed_reader([path for path in read if str(path) not in looked.unreadable], reader, pack, workers)
        for part in splits[:3]:
            if part is not None:
                cast(Files, part).reader = packed
    return splits._replace(notices=(*splits.notices, *looked.notices), skipped=len(looked.unreadable))


@dataclass(frozen=True)
class Folders:
    """How folders of images are read; `skipped` are the paths, as text, of images that are left out."""

    reader: Reader
    val_fraction: float | None = None
    val_seed: int = 0
    skipped: frozenset[str] = frozenset()

    def images(self, folder: Path) -> list[Path]:
        """The images below a folder, in order."""
        return sorted(path for path in _images(folder) if str(path) not in self.skipped)


def _splits(root: str, probe_root: str | None, how: Folders) -> Splits:
    """The splits of a folder, whose files are not looked at."""
    if not Path(root).is_dir():
        raise ConfigError(f"dataset.root={root}: no such folder; if it has moved, dataset.root=<where it is now>")
    start = Path(root) / "train" if (Path(root) / "train").is_dir() else Path(root)
    if not (paths := how.images(start)):
        none = "no image that can be read" if how.skipped else "no images"
        raise ConfigError(f"dataset.root={root}: {none} below {start}{'; ' * bool(left := _suffixes(start))}{left}")
    labelled = _held_out if how.val_fraction is not None else _labelled
    train, test, names, notices = labelled(Path(probe_root or root), how)
    if probe_root is not None and (train is None or test is None):
        raise ConfigError(f"dataset.probe_root={probe_root}: {'; '.join(notices)}")
    pretrain = train if probe_root is None and train is not None else Files(paths, reader=how.reader)
    probed = [Path(probe_root or root) / name for name in ("train", "val")]
    looked = [start, *(folder for folder in probed if not folder.is_relative_to(start))]
    notices += [told for folder in looked if (told := _suffixes(folder, folder != start))]
    return Splits(pretrain, train if test is not None else None, test, tuple(notices), tuple(names))


Labelled = tuple[Files | None, Files | None, list[str], list[str]]  # to train and to test, names of classes, notices


def _labelled(root: Path, how: Folders) -> Labelled:
    """Images of `train/` and `val/` with their classes, None where there are none, and what is to be said of them."""
    train, why = _classes(root / "train", how)
    if train is None:
        return None, None, [], [f"no labels: {why}{_hint(root, how)}"]
    known = {name: paths for name, paths in train.items() if paths}
    notices = [f"class {name}: no images in train/, so it is left out" for name in train if name not in known]
    test, why = _classes(root / "val", how)
    test = None if test is None else {name: paths for name, paths in test.items() if paths}
    if not test:
        test, notices = {}, [*notices, f"nothing is tested: {why or 'no images in val/'}"]
    elif unknown := sorted(test.keys() - train.keys()):
        test, notices = {}, [*notices, f"nothing is tested: val/ has {_others(unknown, train)}"]
    if not any(test.get(name) for name in known):
        own = _files(known, [*known], how.reader) if len(known) > 1 else None
        return own, None, [*known] if own else [], notices
    notices += [f"class {name}: no test images" for name in known if not test.get(name)]
    return _files(known, [*known], how.reader), _files(test, [*known], how.reader), [*known], notices


def _held_out(root: Path, how: Folders) -> Labelled:
    """The same for folders of classes that have no `val/`: a share of each class is held out."""
    told = f"dataset.val_fraction={how.val_fraction:g}"
    if (root / "val").is_dir():
        raise ConfigError(f"{told}: {root} has a val/ to test on; leave it out, or take val/ away")
    folder = root / "train" if (root / "train").is_dir() else root
    classes, why = _classes(folder, how)
    known = {name: paths for name, paths in (classes or {}).items() if paths}
    if len(known) < 2:
        raise ConfigError(
            f"{told}: {why or f'{folder} has fewer than two'}; it needs folders of images, one for each class"
        )
    notices = [f"class {name}: no images, so it is left out" for name in classes or {} if name not in known]
    notices += [
        f"class {name}: no test images, for it has one image" for name, paths in known.items() if len(paths) < 2
    ]
    whole = _files(known, [*known], how.reader)
    train, test = split_off(whole, how.val_fraction or 0, how.val_seed)
    if not len(test):
        raise ConfigError(f"{told}: each class of {folder} has one image, and none can be held out")
    return train, test, [*known], notices


def _hint(root: Path, how: Folders) -> str:
    """That a folder without `train/` can be split, where it has folders of images."""
    found = None if (root / "train").is_dir() else _classes(root, how)[0]
    classes = [name for name, paths in (found or {}).items() if paths]
    shown = ", ".join(classes[:3]) + (", ..." if len(classes) > 3 else "")
    return f"; dataset.val_fraction=0.1 takes its folders ({shown}) as classes" if len(classes) > 1 else ""


def _classes(folder: Path, how: Folders) -> tuple[Classes | None, str]:
    """Images by the folder of their class; None, and why, where these are no folders of classes."""
    if not folder.is_dir():
        other = next((name for name in ("test", "valid", "validation") if (folder.parent / name).is_dir()), None)
        hint = f" ({other}/ is not read; name it val/)" if other and folder.name == "val" else ""
        return None, f"no {folder.name}/ in {folder.parent}{hint}"
    folders, files = _inside(folder)
    names = sorted(name for name in folders if not name.startswith("."))
    loose = sorted(name for name in files if _is_image(folder / name))
    if not names:
        beside = f", but {len(loose)} images such as {loose[0]}" if loose else ""
        return None, f"{folder.name}/ has no folder for each class{beside}"
    if loose:
        return None, f"{folder.name}/ has images beside its folders, such as {loose[0]}"
    return {name: how.images(folder / name) for name in names}, ""


def _others(unknown: list[str], train: Classes) -> str:
    """Classes of val/ alone, with those of train/ that are spelt like them."""
    alike = {name.casefold(): name for name in train}
    near = [own for name in unknown if (own := alike.get(name.casefold()))]
    more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
    hint = f" (it has {', '.join(near[:3])})" if near else ""
    return f"{', '.join(unknown[:3])}{more}, which train/ has not{hint}"


def _files(classes: Classes, names: list[str], reader: Reader) -> Files:
    own = [classes.get(name, []) for name in names]
    labels = [number for number, paths in enumerate(own) for _ in paths]
    return Files([*chain.from_iterable(own)], labels, reader)


def _images(folder: Path) -> Iterator[Path]:
    return filter(_is_image, _below(folder))


def _is_image(path: Path) -> bool:
    """Whether a file is read, by its name; one that cannot be looked at, as a dangling link, will be named."""
    if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
        return False
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True


def _below(folder: Path) -> Iterator[Path]:
    """All files below a folder that are not hidden, nor in a hidden folder; each folder once, however links go."""
    seen = {os.path.realpath(folder)}
    for parent, folders, names in os.walk(folder, onerror=_unreadable, followlinks=True):
        real = {name: os.path.realpath(Path(parent, name)) for name in sorted(folders) if not name.startswith(".")}
        folders[:] = [name for name, path in real.items() if path not in seen]
        seen |= {*real.values()}
        yield from (Path(parent, name) for name in sorted(names))


def _inside(folder: Path) -> tuple[list[str], list[str]]:
    """The names of the folders and of the files in a folder."""
    return next(((folders, files) for _, folders, files in os.walk(folder, onerror=_unreadable)), ([], []))


def _unreadable(error: OSError) -> None:
    """End where a folder that is there cannot be listed, as one of another user: its images would be left out."""
    if not isinstance(error, FileNotFoundError):
        raise ConfigError(f"{error.filename}: cannot be read ({error.strerror})")


def _suffixes(folder: Path, named: bool = False) -> str:
    """How many files below a folder are not read for their suffix; empty where there are none."""
    suffixes = (path.suffix.lower() for path in _below(folder) if not path.name.startswith("."))
    others = Counter(suffix for suffix in suffixes if suffix not in SUFFIXES)
    told = ", ".join(f"{count} files of {suffix or 'no suffix'}" for suffix, count in others.most_common(3))
    where = f" in {folder}" if named else ""
    return f"{told}{where} are not read, only those of {' '.join(sorted(SUFFIXES))}" if told else ""
