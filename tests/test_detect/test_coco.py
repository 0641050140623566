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
    assert found.notices == [f"{file}: 1 box(es) of crowds count neither way: annotations 3"]
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


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "cannot be read as json"),
        ("[" * 100_000, "cannot be read as json"),
        ("[]", "the whole: input should be a valid dictionary, as in a COCO json"),
        ('{"images": [], "annotations": []}', "has no categories, as a COCO json has"),
        ('{"images": [], "annotations": [], "categories": []}', "categories: list should have at least 1 item"),
    ],
)
def test_a_file_of_another_form_is_one_line(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ConfigError) as error:
        Coco(tmp_path / "x.json", tmp_path)
    (problem,) = error.value.problems
    assert problem.startswith(f"{tmp_path}/x.json: {told}")


WRONG: list[tuple[str, dict[str, Any], str]] = [  # the list, what stands in a row of it, what is told
    ("images", {"id": [1]}, "images[2].id=[1]: input should be a valid"),
    ("images", {"width": None}, "images[2].width=None: input should be a valid integer"),
    ("images", {"width": 0}, "images[2].width=0: input should be greater than or equal to 1"),
    ("images", {"file_name": 5}, "images[2].file_name=5: input should be a valid string"),
    ("images", {"file_name": "a\nb.png"}, "image 11: no file '"),
    ("images", {"file_name": "x" * 5000}, "image 11: no file "),
    ("annotations", {"category_id": None}, "annotation 2: class None is none of the categories"),
    ("annotations", {"category_id": [3]}, "annotations[0].category_id=[3]: input should be a valid integer"),
    ("annotations", {"image_id": {}}, "annotations[0].image_id={}: input should be a valid"),
    ("annotations", {"iscrowd": 2}, "annotations[0].iscrowd=2: input should be a valid boolean"),
    ("annotations", {"bbox": [True, 1, 5, 5]}, "annotation 2: bbox [True, 1, 5, 5] is not [x, y, width, height]"),
    ("annotations", {"bbox": ["1", 1, 5, 5]}, "annotation 2: bbox ['1', 1, 5, 5] is not [x, y, width, height]"),
    (
        "annotations",
        {"bbox": [1, 1, float("nan"), 5]},
        "annotation 2: bbox [1, 1, nan, 5] has a number beyond 1,000,000",
    ),
    ("annotations", {"bbox": [1, 1, 10**400, 5]}, "annotation 2: bbox [1, 1, 10000000"),
    ("categories", {"id": "x", "name": "y"}, "categories[2].id=x: input should be a valid integer"),
    ("categories", {"id": 8, "name": ""}, "categories[2].name=: string should have at least 1 character"),
    ("categories", {"id": 3, "name": "y"}, "category id 3 is there twice"),
    ("categories", {"id": 8, "name": "cat"}, "category name cat is there twice"),
]


@pytest.mark.parametrize(("name", "row", "told"), WRONG)
def test_a_value_of_another_kind_is_one_line_with_its_place(
    name: str, row: dict[str, Any], told: str, tmp_path: Path
) -> None:
    right = {"images": {"id": 11, "file_name": "b.png", "width": 40, "height": 30}, "annotations": box(2, 1, 1, 5, 5)}
    values = json.loads((file := written(tmp_path, [])).read_text())
    values[name].append(right.get(name, {}) | row)
    file.write_text(json.dumps(values))
    with pytest.raises(ConfigError) as error:
        Coco(file, tmp_path)
    (problem,) = error.value.problems
    assert problem.startswith(f"{file}: {told}") and problem.isprintable() and len(problem) < 600


def test_an_image_of_another_size_than_the_json_says_is_named(tmp_path: Path) -> None:
    file = written(tmp_path, [])
    Image.new("RGB", (41, 30)).save(tmp_path / "a.png")
    with pytest.raises(RunError, match=r"a\.png: has 41 x 30 pixels"):
        Coco(file, tmp_path)[0]
