"""What a split takes, and its parts."""

from pathlib import Path

import numpy as np
import pytest

from contrastive_lab import distributed
from contrastive_lab.dataset import Arrays, Files, Texts
from contrastive_lab.dataset.split import Split, held_out, part, share, split_off


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


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.5, 0.99])
def test_a_share_of_each_class_is_held_out(fraction: float) -> None:
    labels = np.random.default_rng(0).permutation([0] * 100 + [1] * 7 + [3] * 2 + [4])
    kept = held_out(labels, fraction, 0)
    counts = {label: int(kept[labels == label].sum()) for label in (0, 1, 3, 4)}
    assert counts == {n: min(max(round(fraction * c), 1), c - 1) for n, c in {0: 100, 1: 7, 3: 2, 4: 1}.items()}
    assert np.array_equal(kept, held_out(labels, fraction, 0))


def test_what_is_held_out_is_a_function_of_the_seed_and_of_each_class_alone() -> None:
    labels = np.arange(200) % 2
    chosen = [frozenset(np.flatnonzero(held_out(labels, 0.1, seed)).tolist()) for seed in range(20)]
    assert len({*chosen}) == 20
    assert np.mean([i in own for own in chosen for i in range(200)]) == 0.1
    alone = held_out(labels[labels == 1], 0.1, 0)
    assert np.array_equal(alone, held_out(labels, 0.1, 0)[labels == 1])


def test_images_are_split_with_their_labels() -> None:
    images = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1)
    labels = np.arange(40) // 20
    paths = [Path(f"{i}.png") for i in range(40)]
    for whole in (Arrays(images, labels), Files(paths, labels)):
        train, test = split_off(whole, 0.25, 0)
        assert (len(train), len(test)) == (30, 10)
        found = [
            (int(split.images[i, 0, 0, 0]) if isinstance(split, Arrays) else int(split.paths[i].stem), int(label))
            for split in (train, test)
            for i, label in enumerate(split.labels)
        ]
        assert sorted(found) == [(i, i // 20) for i in range(40)]
