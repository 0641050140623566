"""Texts as packed arrays of word ids, made once from csv files.

Letters: n texts, L words of the longest, V words of the vocabulary.
"""

import csv
import hashlib
import lzma
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contrastive_lab.dataset.arrays import check_written
from contrastive_lab.dataset.split import Splits, Texts
from contrastive_lab.errors import ConfigError, first_line
from contrastive_lab.waiting import removed_on_error

SPACES = re.compile(r"<br />|[;:\\]")
MARKS = re.compile(r"(['.,()!?])")
FORM = 1  # of the packed arrays; another number makes them anew


def tokens(text: str) -> list[str]:
    """Words and punctuation marks of a text in lower case.

    As torchtext's "basic_english": ' . , ( ) ! ? are tokens of their own, double quotes vanish; <br />, ; and :
    separate. So does a backslash here, which stands for a line break in AG News.
    """
    return MARKS.sub(r" \1 ", SPACES.sub(" ", text.lower().replace('"', ""))).split()


def vocabulary(texts: Iterable[Sequence[str]], min_frequency: int = 5) -> list[str]:
    """Words that occur at least `min_frequency` times in all texts together, the most frequent first, then by name."""
    counts = Counter(word for text in texts for word in text)
    return sorted((word for word in counts if counts[word] >= min_frequency), key=lambda word: (-counts[word], word))


def word_ids(texts: Sequence[Sequence[str]], words: Sequence[str]) -> NDArray[np.int32]:
    """Ids of the words of each text, int32 (n, L), then zeros; of `words`, the first has the id 1, others none."""
    number = {word: i for i, word in enumerate(words, start=1)}
    known = [[number[word] for word in text if word in number] for text in texts]
    ids = np.zeros((len(known), max(map(len, known), default=0) or 1), dtype=np.int32)
    for row, text in zip(ids, known, strict=True):
        row[: len(text)] = text
    return ids


def ag_news(
    data_dir: str,
    train_csv: str | None = None,
    test_csv: str | None = None,
    min_frequency: int = 5,
    write: bool = True,
) -> Splits:
    """News texts of a training and a test csv; packed once into `<data_dir>/ag_news`, then memory-mapped.

    Rows are the official ones, class, title, description, or class and text. Classes are whole numbers without gaps, of
    which the least of the training csv is taken for 0. Words that occur less than `min_frequency` times in the training
    csv are left out. A csv that is not named is `train.csv` or `train.csv.xz`, `test.csv` or `test.csv.xz` in the
    folder of the arrays. ConfigError if one is missing or has other rows, if a class or the vocabulary is empty, or if
    there are no arrays and it shall not `write` them.
    """
    folder = Path(data_dir) / "ag_news"
    train, test = _csv(folder, "train", train_csv), _csv(folder, "test", test_csv)
    changed = [(path.absolute(), path.stat().st_mtime_ns) for path in (train, test)]
    packed = folder / f"packed_{_key(min_frequency, *changed)}"
    if not packed.is_dir():
        check_written(write, data_dir, "no arrays of these texts")
        _pack(packed, train, test, min_frequency)
    return _load(packed)


@lru_cache(maxsize=1)  # a run asks three times: for its batches, for their views, and for the size of its encoder
def _key(min_frequency: int, *files: tuple[Path, int]) -> str:
    """Hash of the csv files, each given with the time of its last change."""
    key = hashlib.blake2b(f"{FORM} {min_frequency}".encode(), digest_size=6)
    for path, _ in files:
        key.update(path.read_bytes())
    return key.hexdigest()


@lru_cache(maxsize=1)
def _load(packed: Path) -> Splits:
    words = tuple((packed / "vocabulary.txt").read_text(encoding="utf-8").split())
    train, test = (
        Texts(np.load(packed / f"{part}_words.npy", mmap_mode="r"), np.load(packed / f"{part}_labels.npy"), words)
        for part in ("train", "test")
    )
    return Splits(pretrain=train, train=train, test=test)


def _csv(folder: Path, part: str, named: str | None) -> Path:
    paths = [Path(named)] if named else [folder / f"{part}.csv", folder / f"{part}.csv.xz"]
    for path in paths:
        if path.is_file():
            return path
    wanted = " or ".join(map(str, paths))
    rows = "its rows are class,title,description"
    raise ConfigError(f"dataset=ag_news: no {wanted}; {rows} (or dataset.{part}_csv=<file>)")


def _pack(packed: Path, train: Path, test: Path, min_frequency: int) -> None:
    """Write the arrays into a folder beside `packed` and then give it its name, so that half of it is never taken."""
    partial = packed.with_name(f"{packed.name}.partial-{os.getpid()}")
    texts, labels = zip(*(_read(path) for path in (train, test)), strict=True)
    words, from_zero = vocabulary(texts[0], min_frequency), _from_zero(labels, test)
    if not words:
        raise ConfigError(
            f"dataset=ag_news: no word occurs {min_frequency} times in {train}; lower dataset.min_frequency"
        )
    partial.mkdir(parents=True, exist_ok=True)  # left by a killed one of this number
    with removed_on_error(partial):
        (partial / "vocabulary.txt").write_text("\n".join(words), encoding="utf-8")
        for part, own_texts, own_labels in zip(("train", "test"), texts, from_zero, strict=True):
            np.save(partial / f"{part}_words.npy", word_ids(own_texts, words))
            np.save(partial / f"{part}_labels.npy", own_labels)
    try:
        partial.rename(packed)
    except OSError:  # another process was faster
        shutil.rmtree(partial)


def _read(path: Path) -> tuple[list[list[str]], NDArray[np.int64]]:
    """Tokens and class of each row."""
    texts, labels = [], []
    for number, row in enumerate(_rows(path), start=1):
        if len(row) not in (2, 3) or not row[0].strip().isdecimal():
            raise ConfigError(f"{path}: row {number} is not class,title,description with a whole number as class")
        texts.append(tokens(" ".join(row[1:])))
        labels.append(int(row[0]))
    if not texts:
        raise ConfigError(f"{path}: empty; its rows are class,title,description")
    return texts, np.array(labels, dtype=np.int64)


def _rows(path: Path) -> Iterator[list[str]]:
    """The rows of a csv; a ConfigError where its bytes cannot be read, as those of Latin-1."""
    opened: Any = lzma.open if path.suffix == ".xz" else open
    try:
        with opened(path, "rt", newline="", encoding="utf-8") as file:
            yield from csv.reader(file)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, lzma.LZMAError) as error:
        raise ConfigError(f"{path}: cannot be read as csv in UTF-8 ({first_line(error)})") from None


def _from_zero(labels: Sequence[NDArray[np.int64]], test: Path) -> list[NDArray[np.int64]]:
    """Classes from 0; raises where the test texts have one that no training text has, or one between them is empty."""
    found, least = labels[0], labels[0].min()
    if len(missing := np.setdiff1d(np.arange(least, found.max()), found)):
        raise ConfigError(f"dataset=ag_news: class {missing[0]} has no training text; number the classes without gaps")
    if len(unknown := np.setdiff1d(labels[1], found)):
        raise ConfigError(f"{test}: class {unknown[0]} is none of the training texts; are both files numbered alike?")
    return [own - least for own in labels]
