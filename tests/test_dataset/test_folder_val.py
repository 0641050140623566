"""What is said of a folder of images whose val/ is not as its train/ is."""

from collections.abc import Callable
from pathlib import Path

from contrastive_lab.dataset import image_folder
from tests.test_dataset.test_folder import PROBED, folder

__all__ = ["folder"]  # the fixture


def test_files_of_val_that_are_not_read_are_told_and_an_empty_folder_there_counts_for_nothing(
    folder: Callable[..., Path],
) -> None:
    root = folder(*PROBED)
    (root / "val" / "eel").mkdir()
    assert image_folder(str(root)).notices == ()
    assert len(image_folder(str(root)).test) == 2
    (root / "val" / "cat" / "4.png").rename(root / "val" / "cat" / "4.gif")
    classes, left = image_folder(str(root)).notices
    assert classes == "class cat: no test images"
    assert left.startswith(f"1 files of .gif in {root / 'val'} are not read, only those of ")
    (root / "val" / "dog" / "5.png").rename(root / "val" / "dog" / "5.gif")
    why, left = image_folder(str(root)).notices
    assert why == "nothing is tested: no images in val/"
    assert left.startswith("2 files of .gif")


def test_a_val_without_folders_says_what_it_has(folder: Callable[..., Path]) -> None:
    (why,) = image_folder(str(folder("train/cat/1.png", "train/dog/2.png", "val/3.png"))).notices
    assert why == "nothing is tested: val/ has no folder for each class, but 1 images such as 3.png"
