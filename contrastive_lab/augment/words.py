"""Views of texts: words are left out, and replaced by similar ones where word vectors are given.

Letters: n texts, L words of the longest, V words of the vocabulary, of ids 1 to V, k neighbours of a word. It is a
RunError if the file of word vectors is missing, has other lines, or holds k words of the vocabulary or fewer.
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
class TextRecipe:
    """How a view of a text is made; every random number is a function of the step, the view and the operation.

    Each word is left out with probability `drop`; if all would be, the one of the greatest random number stays. Those
    that stay are replaced with probability `replace` by one of their neighbours, each equally likely. The paper has one
    or the other: "erase" is replace = 0, "replace" is drop = 0.

    `neighbours` are ids, int32 (V + 1, k) with a row for 0, no word; without them `replace` has no effect.
    `small_views` are further views of a text beside its two, made alike.

    Source: Nozawa & Sato 2021, the experiment on AG News; probability 0.2 and 5 neighbours were read in the authors'
    code, where a view may become empty.
    """

    drop: float = 0.2
    replace: float = 0.0
    neighbours: Tensor | None = None
    small_views: int = 0

    def __call__(self, ids: Tensor, random: StepRandom, view: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Make one view of each text: ids of words int32 (n, L) -> int32 (n, L), 0 where a word was left out.

        Random numbers are made on the CPU and sent to the texts' device, which the host never waits for.
        """
        numbers = to_device(random.uniform(f"drop/{view}", ids.shape[1]), ids.device).masked_fill(ids == 0, -1.0)
        stays = (numbers >= self.drop) | (numbers == numbers.amax(dim=1, keepdim=True))
        if self.neighbours is not None:
            apply, which = to_device(random.uniform(f"replace/{view}", ids.shape[1], 2), ids.device).unbind(2)
            table = _on(ids.device, self.neighbours)
            ids = torch.where(apply < self.replace, table[ids.long(), (which * table.shape[1]).long()], ids)
        return ids.masked_fill(~stays, 0)

    def clean(self, ids: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """All words of the texts, as a test sees them: (n, L) -> (n, L)."""
        return ids


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
) -> TextRecipe:
    """`TextRecipe` for texts of the V words; with their 5 nearest neighbours if `vectors`, see `nearest`, are given."""
    if vectors is None:
        return TextRecipe(drop, replace, None, small_views)
    path = Path(vectors)
    if not path.is_file():
        raise RunError(f"augment.vectors={path}: no such file")
    return TextRecipe(drop, replace, _nearest(tuple(vocabulary), path, path.stat().st_mtime_ns), small_views)


@lru_cache(maxsize=1)
def _nearest(vocabulary: tuple[str, ...], vectors: Path, changed: int) -> Tensor:
    """`nearest`, once for all jobs of a process; `changed` is the time of the file's last change."""
    return nearest(vocabulary, vectors)


def nearest(vocabulary: Sequence[str], vectors: Path, k: int = 5) -> Tensor:
    """Ids of the k words of greatest cosine to each word, int32 (V + 1, k); row 0 is that of no word.

    Only words of the vocabulary count. A word without a vector is its own neighbour k times. The file `vectors` has a
    word and its numbers a line; a first line of two numbers is passed over.
    """
    found = dict(_vectors(vectors, {word: i for i, word in enumerate(vocabulary, start=1)}))
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


def _vectors(path: Path, ids: dict[str, int]) -> Iterator[tuple[int, np.ndarray]]:
    """The id and the vector of each line whose word has an id."""
    width = 0
    with path.open(encoding="utf-8", newline="\n", errors="ignore") as file:
        for number, line in enumerate(file, start=1):
            word, _, numbers = line.rstrip().partition(" ")
            if word not in ids or " " not in numbers:
                continue
            try:
                vector = np.array(numbers.split(), dtype=np.float32)
            except ValueError:
                vector = np.empty(0, dtype=np.float32)
            width = width or len(vector)
            if len(vector) != width or not width:
                raise RunError(f"augment.vectors={path}: line {number} is not a word and {width or 'its'} numbers")
            yield ids[word], vector
