"""Scenes of a COCO json and a folder of images, with everything that is wrong with its boxes named at once.

The form is that of cocodataset.org ("images", "annotations", "categories"; a bbox is x, y, width, height in pixels).
"""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NotRequired

import torch
from pydantic import Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # of pydantic, which takes no other before Python 3.12

from contrastive_lab.dataset.decode import Reader
from contrastive_lab.dataset.look import NAMED
from contrastive_lab.detect.scenes import Scene
from contrastive_lab.errors import ConfigError, RunError, first_line

SLACK = 1.0  # pixels that a box may be out of its image, as COCO's own are by rounding
MOST = 1e6  # pixels of a side, and the greatest number in a box
Id = int | str
Side = Annotated[int, Field(ge=1, le=MOST)]


class Image(TypedDict):
    """An image of a json."""

    id: Id
    file_name: Annotated[str, Field(min_length=1)]
    width: Side
    height: Side


class Annotation(TypedDict):
    """A box of an image; what is wrong with it alone is told by id."""

    id: Id
    image_id: Id
    category_id: NotRequired[int | None]
    bbox: NotRequired[Any]
    iscrowd: NotRequired[bool]


class Category(TypedDict):
    """A class."""

    id: int
    name: Annotated[str, Field(min_length=1)]


class Instances(TypedDict):
    """The lists of a json; what else it holds is passed over."""

    images: list[Image]
    annotations: list[Annotation]
    categories: Annotated[list[Category], Field(min_length=1)]


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
        self.hash = json_hash(file)
        kinds = sorted(found["categories"], key=lambda row: row["id"])
        self.names = tuple(row["name"] for row in kinds)
        self._label: dict[int | None, int] = {row["id"]: number for number, row in enumerate(kinds, 1)}
        wrong = dict[str, None]()
        self.images, gone = self._images(found["images"], wrong)
        kept, crowds = self._boxes(found["annotations"], wrong, gone)
        if wrong and not skip:
            raise ConfigError(*_named([*wrong], "more are wrong; data.on_error=skip leaves all of them out"))
        told = f"{len(wrong)} boxes or images of {file} are wrong and left out"
        self.notices = ([told] if wrong else []) + _named([*wrong], "more are wrong")
        if crowds:
            listed = ", ".join(map(str, crowds[:NAMED])) + (", ..." if len(crowds) > NAMED else "")
            self.notices.append(f"{file}: {len(crowds)} box(es) of crowds count neither way: annotations {listed}")
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

    def _path(self, row: Image) -> Path:
        return self.folder / row["file_name"]

    def _images(self, rows: list[Image], wrong: dict[str, None]) -> tuple[list[Image], set[Id]]:
        """The images that are there once, and the ids of the others."""
        known, gone = dict[Id, Image](), set[Id]()
        for row in rows:
            if row["id"] in known:
                wrong[f"{self.file}: image {row['id']} is there twice"] = None
            elif not _inside(row["file_name"]) or not os.path.isfile(self._path(row)):  # noqa: PTH113, of any text
                wrong[f"{self.file}: image {row['id']}: no file {_shown(self._path(row))}"] = None
                gone.add(row["id"])
            else:
                known[row["id"]] = row
        return [*known.values()], gone

    def _boxes(
        self, rows: list[Annotation], wrong: dict[str, None], gone: set[Id]
    ) -> tuple[dict[Id, list[Annotation]], list[Id]]:
        """The boxes of each image that are right, and the ids of crowds."""
        images, kept, crowds = {row["id"]: row for row in self.images}, dict[Id, list[Annotation]](), list[Id]()
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


def json_hash(file: Path) -> str:
    """Tells a json from others."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def _problems(row: Annotation, image: Image | None, labels: dict[int | None, int]) -> Iterator[str]:
    """What is wrong with a box."""
    if row.get("category_id") not in labels:
        yield f"class {row.get('category_id')} is none of the categories"
    box = row.get("bbox")
    if not (isinstance(box, list) and len(box) == 4 and all(type(each) in (int, float) for each in box)):
        yield f"bbox {_shown(box)} is not [x, y, width, height]"
    elif not all(abs(each) <= MOST for each in box):  # NaN among them
        yield f"bbox {_shown(box)} has a number beyond {MOST:,.0f}"
    elif not (box[2] > 0 and box[3] > 0):
        yield f"bbox {box} has no area"
    elif image is None:
        yield f"image {row['image_id']} is not in the file"
    elif _outside(box, image):
        yield f"bbox {box} is outside of image {image['id']}, {image['width']} x {image['height']} pixels"


def _outside(box: list[float], image: Image) -> bool:
    """Whether a box is out of its image by more than rounding explains, or has no pixel in it."""
    sides = [(box[0], box[0] + box[2], image["width"]), (box[1], box[1] + box[3], image["height"])]
    return any(low < -SLACK or high > side + SLACK or low >= side or high <= 0 for low, high, side in sides)


def _inside(name: str) -> bool:
    """Whether a file's name stays below its folder."""
    return not Path(name).is_absolute() and ".." not in Path(name).parts


def _shown(value: Any, most: int = 200) -> str:
    """A value of a file from elsewhere as part of a line, without what would move a terminal's cursor."""
    told = str(value)
    told = told if told.isprintable() else ascii(told)
    return told if len(told) <= most else f"{told[:most]}..."


def _named(lines: list[str], rest: str) -> list[str]:
    return lines if len(lines) <= NAMED else [*lines[:NAMED], f"{len(lines) - NAMED} {rest}"]


def _read(file: Path) -> Instances:
    """The three lists of a json; a ConfigError says what in it has another form."""
    try:
        found = TypeAdapter(Instances).validate_python(json.loads(file.read_bytes()))
    except ValidationError as error:
        problems = error.errors(include_url=False)
        lines = {problem["loc"][:3]: f"{file}: {_told(problem)}" for problem in reversed(problems)}  # of a union one
        raise ConfigError(*_named([*reversed(lines.values())], "more are not of COCO's form")) from None
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: cannot be read as json ({first_line(error)})") from None
    for key in ("id", "name"):
        counts = Counter(row[key] for row in found["categories"])
        if twice := [value for value, count in counts.items() if count > 1]:
            raise ConfigError(*(f"{file}: category {key} {_shown(value)} is there twice" for value in twice[:NAMED]))
    return found


def _told(problem: Any) -> str:
    """What has another form in a json, e.g. images[0].width=abc, and what would be right there."""
    place, text = problem["loc"][:3], problem["msg"][0].lower() + problem["msg"][1:]
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
    if problem["type"] == "missing":
        return f"has no {where}, as a COCO json has"
    if len(place) < 3:
        return f"{where or 'the whole'}: {text}, as in a COCO json"
    return f"{where}={_shown(problem['input'])}: {text}"
