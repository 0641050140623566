"""A COCO json: its boxes, and everything that is wrong with one, at once."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from contrastive_lab.detect.coco import Coco
from contrastive_lab.errors import ConfigError, RunError


def written(folder: Path, annotations: list[dict[str, Any]], images: list[dict[str, Any]] | None = None) -> Path:
    """Two images of 40 x 30 pixels with some annotations."""
    for name in ("a.png", "b.png"):
        Image.new("RGB", (40, 30), "red").save(folder / name)
    rows = [{"id": i, "file_name": f"{name}.png", "width": 40, "height": 30} for i, name in ((7, "a"), (9, "b"))]
    kinds = [{"id": 3, "name": "dog"}, {"id": 1, "name": "cat"}]
    values = {"images": [*rows, *(images or [])], "annotations": annotations, "categories": kinds}
    (folder / "boxes.json").write_text(json.dumps(values))
    return folder / "boxes.json"


def box(number: int, *bbox: float, **more: Any) -> dict[str, Any]:
    return {"id": number, "image_id": 7, "category_id": 3, "bbox": [*bbox]} | more


def test_boxes_and_labels_by_hand_and_an_image_without_any(tmp_path: Path) -> None:
    file = written(
        tmp_path, [box(1, 2, 3, 10, 5), box(2, 0, 0, 40.5, 30, category_id=1), box(3, 1, 1, 9, 9, iscrowd=1)]
    )
    found = Coco(file, tmp_path)
    assert found.names == ("cat", "dog")
    first, second = found
    assert first.boxes.tolist() == [[2, 3, 12, 8], [0, 0, 40, 30], [1, 1, 10, 10]]  # within the image
    assert (first.labels.tolist(), first.crowd.tolist()) == ([2, 1, 2], [False, False, True])
    assert first.image.shape == (3, 30, 40) and first.image[:, 0, 0].tolist() == [255, 0, 0]
    assert second.boxes.shape == (0, 4)
    assert found.notices == [f"{file}: 1 crowds are not trained on: annotations 3"]
    assert len(Coco(file, tmp_path, count=1)) == 1
    assert Coco(written(tmp_path, []), tmp_path).hash != found.hash


def test_all_that_is_wrong_is_named_at_once_with_file_and_id(tmp_path: Path) -> None:
    bad = [
        box(1, 30, 3, 20, 5), box(2, 1, 1, 0, 5), box(3, 1, 1, 5, 5, category_id=4), box(4, 1, 1, 5, 5, image_id=8),
        box(8, 40, 3, 0.5, 5), {"id": 5, "image_id": 7, "category_id": 3},
        box(6, 1, 1, 5, 5), box(7, 1, 1, 5, 5, image_id=11),
    ]  # fmt: skip
    more = [
        {"id": 9, "file_name": "b.png", "width": 40, "height": 30},
        {"id": 11, "file_name": "../a.png", "width": 40, "height": 30},
    ]
    file = written(tmp_path, bad, more)
    with pytest.raises(ConfigError) as error:
        Coco(file, tmp_path)
    assert [*error.value.problems] == [
        f"{file}: image 9 is there twice",
        f"{file}: image 11: no file {tmp_path}/../a.png",
        f"{file}: annotation 1: bbox [30, 3, 20, 5] is outside of image 7, 40 x 30 pixels",
        f"{file}: annotation 2: bbox [1, 1, 0, 5] has no area",
        f"{file}: annotation 3: class 4 is none of the categories",
        f"{file}: annotation 4: image 8 is not in the file",
        f"{file}: annotation 8: bbox [40, 3, 0.5, 5] is outside of image 7, 40 x 30 pixels",
        f"{file}: annotation 5: bbox None is not [x, y, width, height]",
    ]
    skipped = Coco(file, tmp_path, skip=True)
    assert [len(one.boxes) for one in skipped] == [1, 0]
    assert skipped.notices == [f"8 boxes or images of {file} are wrong and left out", *error.value.problems]


def test_of_many_the_first_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    file = written(tmp_path, [box(i, 1, 1, 0, 0) for i in range(30)])
    with pytest.raises(ConfigError) as error:
        Coco(file, tmp_path)
    assert len(error.value.problems) == 21
    assert error.value.problems[-1] == "10 more are wrong; data.on_error=skip leaves all of them out"


@pytest.mark.parametrize("text", ["{", "[]", '{"images": [], "annotations": [{}], "categories": []}'])
def test_a_file_of_another_form_is_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ConfigError, match=r"x\.json: (cannot be read as json|has no list)") as error:
        Coco(tmp_path / "x.json", tmp_path)
    assert len(error.value.problems) == 1


def test_an_image_of_another_size_than_the_json_says_is_named(tmp_path: Path) -> None:
    file = written(tmp_path, [])
    Image.new("RGB", (41, 30)).save(tmp_path / "a.png")
    with pytest.raises(RunError, match=r"a\.png: has 41 x 30 pixels"):
        Coco(file, tmp_path)[0]
