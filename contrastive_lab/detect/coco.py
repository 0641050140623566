"""Scenes of a COCO json and a folder of images, with everything that is wrong with its boxes named at once.

The form is that of cocodataset.org ("images", "annotations", "categories"; a bbox is x, y, width, height in pixels).
"""

import hashlib
import json
from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Any

import torch

from contrastive_lab.dataset.decode import Reader
from contrastive_lab.dataset.look import NAMED
from contrastive_lab.detect.scenes import Scene
from contrastive_lab.errors import ConfigError, RunError, first_line

SLACK = 1.0  # pixels that a box may be out of its image, as COCO's own are by rounding
Row = dict[str, Any]


class Coco:
    """The scenes of a json, by their number in it; images without any box are scenes too.

    `skip` leaves out boxes that are wrong, and images that are missing or there twice, and tells them in `notices`
    with the crowds. `count` takes the first so many images, None all.

    Raises:
        ConfigError: names each wrong box and image, a line each, up to 20 and a count, unless they are to be skipped.
    """

    def __init__(self, file: Path, folder: Path, skip: bool = False, count: int | None = None) -> None:
        self.file, self.folder, self.reader = file, folder, Reader()
        found = _read(file)
        self.hash = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
        kinds = sorted(found["categories"], key=lambda row: int(row["id"]))
        self.names = tuple(str(row["name"]) for row in kinds)
        self._label = {row["id"]: number for number, row in enumerate(kinds, 1)}
        wrong = dict[str, None]()
        self.images, gone = self._images(found["images"], wrong)
        kept, crowds = self._boxes(found["annotations"], wrong, gone)
        if wrong and not skip:
            raise ConfigError(*_named([*wrong], "more are wrong; data.on_error=skip leaves all of them out"))
        told = f"{len(wrong)} boxes or images of {file} are wrong and left out"
        self.notices = ([told] if wrong else []) + _named([*wrong], "more are wrong")
        if crowds:
            listed = ", ".join(map(str, crowds[:NAMED])) + (", ..." if len(crowds) > NAMED else "")
            self.notices.append(f"{file}: {len(crowds)} crowds are not trained on: annotations {listed}")
        if not self.images:
            raise ConfigError(f"{file}: has no image that can be used")
        self.images, self.annotations = self.images[:count], kept

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, number: int) -> Scene:
        """Read the image of a number; RunError, with its path, if it cannot be, or has another size than the json."""
        row = self.images[number]
        pixels = torch.frombuffer(bytearray((image := self.reader(self._path(row))).tobytes()), dtype=torch.uint8)
        if image.size != (row["width"], row["height"]):
            told = f"{row['width']} x {row['height']} pixels"
            raise RunError(f"{self._path(row)}: has {image.width} x {image.height} pixels, and {self.file} says {told}")
        own = self.annotations.get(row["id"], [])
        boxes = torch.tensor([each["bbox"] for each in own], dtype=torch.float32).reshape(-1, 4)
        boxes = torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], dim=1)
        limit = boxes.new_tensor([image.width, image.height] * 2)
        labels = torch.tensor([self._label[each["category_id"]] for each in own], dtype=torch.int64)
        crowd = torch.tensor([bool(each.get("iscrowd")) for each in own], dtype=torch.bool)
        shape = (image.height, image.width, 3)
        return Scene(pixels.view(shape).permute(2, 0, 1), boxes.clamp(min=0).minimum(limit), labels, crowd)

    def _path(self, row: Row) -> Path:
        return self.folder / str(row["file_name"])

    def _images(self, rows: list[Row], wrong: dict[str, None]) -> tuple[list[Row], set[Any]]:
        """The images that are there once, and the ids of the others."""
        known, gone = dict[Any, Row](), set[Any]()
        for row in rows:
            if row["id"] in known:
                wrong[f"{self.file}: image {row['id']} is there twice"] = None
            elif not _inside(str(row["file_name"])) or not self._path(row).is_file():
                wrong[f"{self.file}: image {row['id']}: no file {self._path(row)}"] = None
                gone.add(row["id"])
            else:
                known[row["id"]] = row
        return [*known.values()], gone

    def _boxes(self, rows: list[Row], wrong: dict[str, None], gone: set[Any]) -> tuple[dict[Any, list[Row]], list[Any]]:
        """The boxes of each image that are right, and the ids of crowds."""
        images, kept, crowds = {row["id"]: row for row in self.images}, dict[Any, list[Row]](), list[Any]()
        for row in rows:
            if row["image_id"] in gone:  # of an image that is named already
                continue
            told = f"{self.file}: annotation {row['id']}"
            if problems := [*_problems(row, images.get(row["image_id"]), self._label)]:
                wrong |= dict.fromkeys(f"{told}: {problem}" for problem in problems)
                continue
            crowds += [row["id"]] if row.get("iscrowd") else []
            kept.setdefault(row["image_id"], []).append(row)
        return kept, crowds


def _problems(row: Row, image: Row | None, labels: dict[Any, int]) -> Iterator[str]:
    """What is wrong with a box."""
    if row.get("category_id") not in labels:
        yield f"class {row.get('category_id')} is none of the categories"
    box = row.get("bbox")
    if not (isinstance(box, list) and len(box) == 4 and all(isinstance(e, int | float) and isfinite(e) for e in box)):
        yield f"bbox {box} is not [x, y, width, height]"
    elif not (box[2] > 0 and box[3] > 0):
        yield f"bbox {box} has no area"
    elif image is None:
        yield f"image {row['image_id']} is not in the file"
    elif _outside(box, image):
        yield f"bbox {box} is outside of image {image['id']}, {image['width']} x {image['height']} pixels"


def _outside(box: list[float], image: Row) -> bool:
    """Whether a box is out of its image by more than rounding explains, or has no pixel in it."""
    sides = [(box[0], box[0] + box[2], image["width"]), (box[1], box[1] + box[3], image["height"])]
    return any(low < -SLACK or high > side + SLACK or low >= side or high <= 0 for low, high, side in sides)


def _inside(name: str) -> bool:
    """Whether a file's name stays below its folder."""
    return not Path(name).is_absolute() and ".." not in Path(name).parts


def _named(lines: list[str], rest: str) -> list[str]:
    return lines if len(lines) <= NAMED else [*lines[:NAMED], f"{len(lines) - NAMED} {rest}"]


def _read(file: Path) -> dict[str, list[Row]]:
    """The three lists of a json; a ConfigError says that it has another form."""
    needed = {
        "images": ("id", "file_name", "width", "height"),
        "annotations": ("id", "image_id"),
        "categories": ("id", "name"),
    }
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: cannot be read as json ({first_line(error)})") from None
    for name, keys in needed.items():
        rows = found.get(name) if isinstance(found, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) and {*keys} <= row.keys() for row in rows):
            raise ConfigError(f'{file}: has no list "{name}" of objects with {", ".join(keys)}, as a COCO json has')
    return {name: found[name] for name in needed}
