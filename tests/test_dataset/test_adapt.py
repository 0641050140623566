"""Datasets as torchvision's are become splits."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from contrastive_lab.dataset import from_datasets
from contrastive_lab.dataset.adapt import from_texts
from contrastive_lab.errors import ConfigError

NOISE = np.random.default_rng(0).integers(0, 256, (12, 5, 4, 3), np.uint8)


class Pairs:
    """A map-style dataset of what it is given."""

    classes = ("cat", "dog", "eel")

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __getitem__(self, index: int) -> Any:
        return self.items[index]

    def __len__(self) -> int:
        return len(self.items)


def test_images_of_each_kind_have_the_same_pixels_and_labels() -> None:
    kinds = {
        "pil": Image.fromarray,
        "uint8": lambda image: torch.from_numpy(image).permute(2, 0, 1),
        "float": lambda image: torch.from_numpy(image).permute(2, 0, 1) / 255,
    }
    for make in kinds.values():
        items = Pairs([(make(image), torch.tensor(i % 3) if i else 0) for i, image in enumerate(NOISE)])
        splits = from_datasets(items, items)
        assert np.array_equal(splits.pretrain.images, NOISE) and np.array_equal(splits.test.images, NOISE)
        assert splits.train.labels.tolist() == [i % 3 for i in range(12)]
        assert (splits.names, splits.probed) == (("cat", "dog", "eel"), True)


def test_a_share_is_held_out_where_there_is_no_test() -> None:
    items = Pairs([(Image.fromarray(image), i % 3) for i, image in enumerate(NOISE)])
    splits = from_datasets(items, val_fraction=0.25)
    assert (len(splits.pretrain), sorted(splits.test.labels.tolist())) == (9, [0, 1, 2])
    assert from_datasets(items).probed is False


@pytest.mark.parametrize(
    ("item", "told"),
    [
        ((Image.new("L", (5, 5)), 0), r"\(5, 5, 1\), not \(5, 4, 3\) as others; resize all alike"),
        ((torch.full((3, 5, 4), 1.5), 0), "floats outside 0 to 1; leave the normalisation out"),
        ((torch.zeros(3, 5, 4, dtype=torch.int64), 0), "torch.int64: tensors are uint8"),
        ((np.zeros((5, 4, 3)), 0), "ndarray: images are PIL's or tensors"),
        ((Image.fromarray(NOISE[0]), -1), "label -1: labels are whole numbers from 0"),
        ((Image.fromarray(NOISE[0]), 0.5), "label 0.5: labels are whole numbers from 0"),
        (3, "cannot unpack"),
    ],
)
def test_an_item_that_cannot_be_taken_is_named(item: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        from_datasets(Pairs([(Image.fromarray(NOISE[0]), 0), item]))
    assert str(caught.value).startswith("train[1]: ")


def test_all_are_named_at_once() -> None:
    good = [(Image.fromarray(image), 0) for image in NOISE]
    with pytest.raises(ConfigError) as caught:
        from_datasets(Pairs(good), Pairs([None] * 25))
    assert len(caught.value.problems) == 21 and caught.value.problems[-1] == "5 more of test cannot be taken"
    with pytest.raises(ConfigError, match="train: holds no images"):
        from_datasets(Pairs([]))


def test_texts_become_ids_of_the_words_that_are_frequent_in_training() -> None:
    train = [("The cat, the mat.", 0), ("the dog", 1), ("A cat!", 0)]
    splits = from_texts(train, [("Dog the cat the", 1)], min_frequency=2)
    assert splits.pretrain is splits.train and splits.pretrain.vocabulary == ["the", "cat"]
    assert splits.pretrain.words.tolist() == [[1, 2, 1], [1, 0, 0], [2, 0, 0]]
    assert splits.test is not None and splits.test.words.tolist() == [[1, 2, 1]]
    assert (splits.train.labels.tolist(), splits.test.labels.tolist(), splits.classes) == ([0, 1, 0], [1], 2)
    assert from_texts(train, min_frequency=1).test is None
    with pytest.raises(ConfigError, match="no word occurs 9 times in the training texts; lower min_frequency"):
        from_texts(train, min_frequency=9)


def test_a_class_that_only_the_test_has_is_told_before_any_training() -> None:
    def items(*labels: int) -> Pairs:
        return Pairs([(Image.fromarray(NOISE[0]), label) for label in labels])

    with pytest.raises(ConfigError, match=r"^test: class 1 has no training images$"):
        from_datasets(items(0, 2), items(2, 1))
    with pytest.raises(ConfigError, match=r"^train.classes: 3 names of 4 classes; a name for each label is needed$"):
        from_datasets(items(0, 3))
    with pytest.raises(ConfigError, match=r"^test: class 5 has no training texts$"):
        from_texts([("a cat", 0), ("a dog", 1)], [("a cat", 0), ("a dog", 5)], min_frequency=1)
