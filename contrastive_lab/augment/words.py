"""Views of texts: words are left out, and replaced by similar ones where word vectors are given.

Letters: n texts, L words of the longest, V words of the vocabulary, k neighbours of a word.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from contrastive_lab.errors import RunError
from contrastive_lab.randomness import StepRandom, to_device

ROWS = 1000


@dataclass(frozen=True)
class Words:
    """How a view of a text is made; every random number is a function of the random, the view and the operation.

    Each word is left out with probability `drop`; if all would be, the one that came nearest to staying stays. Those
    that stay are replaced with probability `replace` by one of their neighbours, each equally likely. The paper has one
    or the other: "erase" is replace = 0, "replace" is drop = 0.

    Args:
        drop: probability in [0, 1].
        replace: probability in [0, 1]; of no effect without neighbours.
        neighbours: ids of the neighbours of each word, int32 (V + 1, k) with a row for 0, no word; or None.
        small_views: further views of a text beside its two, made alike.

    Source: Nozawa & Sato 2021, the experiment on AG News; probability 0.2 and 5 neighbours were read in the authors'
    code, where a view may become empty.
    """

    drop: float = 0.2
    replace: float = 0.0
    neighbours: Tensor | None = None
    small_views: int = 0

    def __call__(self, words: Tensor, random: StepRandom, view: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Make one view of each text: int32 (n, L) -> int32 (n, L), 0 where a word was left out.

        Numbers are drawn on the CPU and sent to the texts' device, which the host never waits for.
        """
        numbers = to_device(random.uniform(f"drop/{view}", words.shape[1]), words.device)
        numbers = numbers.masked_fill(words == 0, -1.0)
        stays = (numbers >= self.drop) | (numbers == numbers.amax(dim=1, keepdim=True))
        return self._replaced(words, random, view).masked_fill(~stays, 0)

    def clean(self, words: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """All words of the texts, as a test sees them: (n, L) -> (n, L)."""
        return words

    def _replaced(self, words: Tensor, random: StepRandom, view: int) -> Tensor:
        if self.neighbours is None:
            return words
        apply, which = to_device(random.uniform(f"replace/{view}", words.shape[1], 2), words.device).unbind(2)
        table = _on(words.device, self.neighbours)
        others = table[words.long(), (which * table.shape[1]).long()]
        return torch.where(apply < self.replace, others, words)


@lru_cache(maxsize=1)
def _on(device: torch.device, neighbours: Tensor) -> Tensor:
    """The table on a device, sent there once and not at every step."""
    return to_device(neighbours, device)


def word_views(
    vocabulary: Sequence[str],
    drop: float = 0.2,
    replace: float = 0.2,
    vectors: str | None = None,
    small_views: int = 0,
) -> Words:
    """The recipe for texts of V words, with the 5 nearest neighbours of each where a file of `vectors` is given.

    Args:
        vocabulary: the V words; the id of `vocabulary[i]` is i + 1.
        drop: see `Words`.
        replace: see `Words`; of no effect without vectors.
        vectors: see `nearest`; None replaces nothing.
        small_views: see `Words`.

    Raises:
        RunError: if the file of vectors cannot be used.
    """
    neighbours = None if vectors is None else nearest(vocabulary, Path(vectors))
    return Words(drop, replace, neighbours, small_views)


def nearest(vocabulary: Sequence[str], vectors: Path, k: int = 5) -> Tensor:
    """Ids of the k words of greatest cosine to each word, int32 (V + 1, k); row 0 is that of no word.

    Only words of the vocabulary count. A word without a vector is its own neighbour k times.

    Args:
        vocabulary: the V words.
        vectors: file with a word and its numbers a line; a first line of two numbers is passed over.
        k: neighbours of each word.

    Raises:
        RunError: if the file is missing, has other lines, or holds k words of the vocabulary or fewer.
    """
    places = {word: place for place, word in enumerate(vocabulary, start=1)}
    found = dict(_vectors(vectors, places))
    if len(found) <= k:
        raise RunError(f"augment.vectors={vectors}: holds {len(found)} words of the texts; more than {k} are needed")
    ids = torch.tensor(list(found), dtype=torch.int32)
    unit = F.normalize(torch.from_numpy(np.stack(list(found.values()))), dim=1)
    table = torch.arange(len(vocabulary) + 1, dtype=torch.int32)[:, None].repeat(1, k)
    for start in range(0, len(unit), ROWS):
        cosines = unit[start : start + ROWS] @ unit.T
        cosines.diagonal(start).fill_(-torch.inf)  # not itself
        table[ids[start : start + ROWS].long()] = ids[cosines.topk(k).indices]
    return table


def _vectors(path: Path, places: dict[str, int]) -> Iterator[tuple[int, np.ndarray]]:
    """Vectors of the words that have a place."""
    if not path.is_file():
        raise RunError(f"augment.vectors={path}: no such file")
    width = 0
    with path.open(encoding="utf-8", newline="\n", errors="ignore") as file:
        for number, line in enumerate(file, start=1):
            word, _, numbers = line.rstrip().partition(" ")
            if word in places and " " in numbers:
                vector = _numbers(numbers)
                width = width or len(vector)
                if len(vector) != width:
                    raise RunError(f"augment.vectors={path}: line {number} is not a word and {width} numbers")
                yield places[word], vector


def _numbers(text: str) -> np.ndarray:
    """Numbers of a line, none where one of them is no number."""
    try:
        return np.array(text.split(), dtype=np.float32)
    except ValueError:
        return np.empty(0, dtype=np.float32)
