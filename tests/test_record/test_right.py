"""The bits of the test images come back, and nothing else is taken for them."""

from pathlib import Path

import numpy as np
import pytest

from contrastive_lab.record.right import images_scored, read_right, write_right


@pytest.mark.parametrize("images", [1, 8, 1003, 10_000])
def test_bits_come_back(images: int, tmp_path: Path) -> None:
    right = np.random.default_rng(0).random(images) < 0.7
    write_right(tmp_path, "knn", right)
    write_right(tmp_path, "knn", right)  # again, as after a resume
    found = read_right(tmp_path, "knn")
    assert found is not None
    assert found.tolist() == right.tolist()
    path = tmp_path / "right" / "knn.npz"
    assert path.stat().st_size < images / 8 + 700
    stored = np.load(path)  # the two lines of docs/sweeps.md
    assert np.unpackbits(stored["bits"], count=stored["images"]).astype(bool).tolist() == right.tolist()


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/b", "..", ""])
def test_a_name_that_leads_out_of_the_folder_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="names a file outside of"):
        write_right(tmp_path / "run", name, [True])
    assert not list(tmp_path.iterdir())


def test_what_is_missing_damaged_or_pickled_is_none(tmp_path: Path) -> None:
    assert read_right(tmp_path, "knn") is None
    (tmp_path / "right").mkdir()
    (tmp_path / "right" / "knn.npz").write_bytes(b"PK no")
    np.savez(tmp_path / "right" / "linear.npz", bits=np.array([{}], dtype=object), images=3)
    assert read_right(tmp_path, "knn") is None
    assert read_right(tmp_path, "linear") is None


def test_the_number_of_images_is_that_of_any_evaluation_that_can_be_read(tmp_path: Path) -> None:
    assert images_scored(tmp_path) is None
    write_right(tmp_path, "linear", [True] * 13)
    (tmp_path / "right" / "knn.npz").write_bytes(b"half of a file")
    assert images_scored(tmp_path) == 13


def test_images_of_another_data_set_are_counted_for_its_own_evaluation_alone(tmp_path: Path) -> None:
    write_right(tmp_path, "transfer_a_linear", [True] * 7)
    assert images_scored(tmp_path) is None and images_scored(tmp_path, "knn") is None
    assert images_scored(tmp_path, "transfer_a_linear") == 7 and images_scored(tmp_path, "transfer_a_knn") is None
    write_right(tmp_path, "zeta", [True] * 13)
    assert images_scored(tmp_path) == images_scored(tmp_path, "linear") == 13
