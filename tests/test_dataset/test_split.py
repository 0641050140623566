"""What a split takes, and its parts."""

from pathlib import Path

import numpy as np
import pytest

from contrastive_lab import distributed
from contrastive_lab.dataset import Arrays, Files, Texts
from contrastive_lab.dataset.split import Split, part, share


@pytest.mark.parametrize(
    "images", [np.zeros((3, 4, 4, 2), np.uint8), np.zeros((3, 4, 4, 3)), np.zeros((3, 4), np.uint8)]
)
def test_other_arrays_are_an_error(images: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8"):
        Arrays(images)


def test_labels_must_fit() -> None:
    with pytest.raises(ValueError, match="3 images have 3 labels"):
        Arrays(np.zeros((3, 4, 4, 1), np.uint8), np.zeros(2, np.int64))


def test_other_arrays_of_texts_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"words are int32 \(n, L\), not int64"):
        Texts(np.zeros((3, 2), np.int64), np.zeros(3, np.int64), ["a"])
    with pytest.raises(ValueError, match="3 texts have 3 labels"):
        Texts(np.zeros((3, 2), np.int32), np.zeros(2, np.int64), ["a"])


def splits_of_seven() -> list[Split]:
    """The numbers 0 to 6 as images, texts and files, each with its number as label."""
    numbers = np.arange(7)
    return [
        Arrays(numbers.astype(np.uint8)[:, None, None, None], numbers),
        Texts(numbers.astype(np.int32)[:, None], numbers, ["a"] * 6),
        Files([Path(str(i)) for i in numbers], numbers.tolist()),
    ]


def shown(split: Split) -> list[int]:
    """The numbers of a split's images, texts or files."""
    if isinstance(split, Files):
        return [int(path.name) for path in split.paths]
    return split.tensor("cpu").flatten().tolist()


def test_a_part_has_the_rows_and_their_labels() -> None:
    for split in splits_of_seven():
        found = part(split, slice(2, 5))
        assert len(found) == 3
        assert shown(found) == found.labels.tolist() == [2, 3, 4]
    for split in (Files([Path("0"), Path("1")]), Arrays(np.zeros((2, 1, 1, 1), np.uint8))):
        assert part(split, slice(0, 1)).labels is None


@pytest.mark.parametrize("world", [1, 2, 3, 7])
def test_shares_of_all_processes_are_the_whole_split(world: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "world_size", lambda: world)
    for split in splits_of_seven():
        shares = []
        for rank in range(world):
            monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
            shares.append(shown(share(split)))
        assert [number for own in shares for number in own] == list(range(7))
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_more_processes_than_rows_have_all_rows_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "world_size", lambda: 8)
    monkeypatch.setattr(distributed, "rank", lambda: 5)
    assert all(shown(share(split)) == list(range(7)) for split in splits_of_seven())
