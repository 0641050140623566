"""What a split takes, and its parts."""

import numpy as np
import pytest

from contrastive_lab.dataset import Arrays, Texts


@pytest.mark.parametrize(
    "images", [np.zeros((3, 4, 4, 2), np.uint8), np.zeros((3, 4, 4, 3)), np.zeros((3, 4), np.uint8)]
)
def test_other_arrays_are_refused(images: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8"):
        Arrays(images)


def test_labels_must_fit() -> None:
    with pytest.raises(ValueError, match="3 images have 3 labels"):
        Arrays(np.zeros((3, 4, 4, 1), np.uint8), np.zeros(2, np.int64))


def test_other_arrays_of_texts_are_refused() -> None:
    with pytest.raises(ValueError, match=r"words are int32 \(n, L\), not int64"):
        Texts(np.zeros((3, 2), np.int64), np.zeros(3, np.int64), ["a"])
    with pytest.raises(ValueError, match="3 texts have 3 labels"):
        Texts(np.zeros((3, 2), np.int32), np.zeros(2, np.int64), ["a"])
