"""Image files as a viewer shows them, decoded and cropped; everything after the crop happens on the device."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
import torchvision.transforms.v2.functional as F
from PIL import Image
from PIL.ExifTags import Base
from PIL.ImageFile import ImageFile
from torch import Tensor
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms import InterpolationMode

from contrastive_lab.augment import Recipe
from contrastive_lab.dataset.workers import handed_over
from contrastive_lab.errors import RunError, first_line
from contrastive_lab.randomness import StepRandom

GREY16 = ("I;16", "I;16L", "I;16B", "I;16N")  # PIL's modes
COLOUR16 = re.compile(r"(LA|RGB|RGBX|RGBA|RGBa|CMYK);16[BLN]")  # PIL's raw modes, read by their high bytes
# Of EXIF's orientation, to stand upright. PIL's exif_transpose also writes the data anew, which fails on broken ones.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Decodes(Protocol):
    """What gives the image of a file: in mode RGB, or as the same pixels in a uint8 tensor (3, H, W)."""

    def __call__(self, path: Path, /) -> Image.Image:
        """The image; a RunError that names the file where it cannot be read."""

    def pixels(self, path: Path, /) -> Tensor:
        """Its pixels."""


@dataclass(frozen=True)
class Reader:
    """Reads a file as an image of 8 bits a channel, upright as its EXIF data say.

    Of 16-bit grey images `range` are the values that become 0 and 255, unless told 0 and 65535, or what a pgm calls
    white; what is transparent shows `background`, a colour (R, G, B). Both are ignored by images that have no 16 bits,
    or no transparency.
    """

    range: tuple[int, int] = (0, 65535)
    background: tuple[int, int, int] = (255, 255, 255)

    def __call__(self, path: Path) -> Image.Image:
        """Read a file in mode RGB.

        Raises:
            RunError: in one line that names the file, if it is no image, is cut short, has more pixels than PIL reads,
                holds floats or integers of 32 bits, whose range nobody knows, or 16 bits in colour beside a `range`.
        """
        try:
            with Image.open(path) as file:
                white = _white(file)
                in_colour = (white and file.mode == "RGB") or any(COLOUR16.search(str(tile[3])) for tile in file.tile)
                if self.range != Reader.range and in_colour:
                    raise RunError(f"{path}: has 16 bits in colour, of which dataset.range is not taken; leave it out")
                file.load()
                turn = _turn(file)
                return self._rgb(file if turn is None else file.transpose(turn), path, white)
        except RunError:
            raise
        except Image.DecompressionBombError:
            most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
            raise RunError(f"{path}: has more than the {most:,} pixels that are read; make it smaller") from None
        except Exception as error:  # PIL promises no list of them: SyntaxError of a broken PNG, struct.error, ...
            told = {"UnidentifiedImageError": "is no image that can be read", "FileNotFoundError": "is not there"}
            raise RunError(f"{path}: {told.get(type(error).__name__) or first_line(error)}") from None

    def pixels(self, path: Path) -> Tensor:
        """The same as a uint8 tensor (3, H, W), of upright JPEGs in colour by torchvision's decoder: it copies less."""
        found = _photo(path)
        return F.pil_to_tensor(self(path)) if found is None else found

    def _rgb(self, image: Image.Image, path: Path, white: int | None) -> Image.Image:
        if image.mode in GREY16 or (white and image.mode == "I"):
            low, high = (0, white) if white and self.range == Reader.range else self.range
            values = np.asarray(image).astype(np.float64) * ((white or 65535) / 65535)
            grey = (values - low) / (high - low)
            return Image.fromarray(np.round(255 * grey.clip(0, 1)).astype(np.uint8)).convert("RGB")
        if image.mode in ("F", "I"):
            kind = {"F": "floats", "I": "integers of 32 bits"}[image.mode]
            raise RunError(f"{path}: holds {kind} (mode {image.mode}); save it with 8 or 16 bits a channel")
        if image.has_transparency_data:
            ground = Image.new("RGBA", image.size, self.background)
            return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")
        return image.convert("RGB")


def _photo(path: Path) -> Tensor | None:
    """The pixels of an upright JPEG in colour, (3, H, W); None of all else, and of what PIL has to find wrong."""
    try:
        with path.open("rb") as file:
            with Image.open(file) as image:
                if (image.format, image.mode) != ("JPEG", "RGB") or _turn(image) is not None:
                    return None
            file.seek(0)
            data = torch.from_numpy(np.fromfile(file, np.uint8))
        pixels: Tensor = decode_jpeg(data, ImageReadMode.RGB)
        return pixels
    except Exception:  # torchvision promises no list of them, and may be built without its decoder
        return None


def _white(file: ImageFile) -> int | None:
    """What a pgm or ppm of 16 bits calls white, which PIL makes 65535 in grey and 255 in colour; None of others."""
    told = file.tile[0].args if file.format == "PPM" else 0
    most = told[-1] if isinstance(told, tuple) else 65535 if told == "I;16B" else 0
    return most if isinstance(most, int) and most > 255 else None


def _turn(image: Image.Image) -> Image.Transpose | None:
    """How to turn an image upright, by its EXIF data; those that cannot be read turn nothing, as in viewers."""
    try:
        return TURNS.get(image.getexif().get(Base.Orientation, 1))
    except Exception:  # whatever PIL meets there
        return None


def crops(
    reader: Decodes, paths: Iterable[Path], recipe: Recipe, random: StepRandom, views: Iterable[int]
) -> list[Tensor]:
    """Decode the images of this process's rows and crop every view: `views` uint8 tensors (n, 3, S, S), S by view.

    Values are those of PIL but for rounding: both round after each axis, torchvision in one order, PIL in either.
    """
    images = [reader.pixels(path) for path in paths]
    heights, widths = torch.tensor([image.shape[1:] for image in images]).unbind(1)
    made = []
    for view in views:
        own = recipe.of(view)
        boxes = own.boxes(random, view, heights, widths).tolist()
        size, mode = [own.size, own.size], InterpolationMode(own.crop.interpolation)
        parts = (F.crop(image, *box)[None] for image, box in zip(images, boxes, strict=True))
        bytewise = (part.contiguous(memory_format=torch.channels_last) for part in parts)  # the quickest to resize
        made.append(_stack(F.resize(part, size, mode)[0] for part in bytewise))
    return made


def centre(reader: Decodes, paths: Iterable[Path], size: int) -> Tensor:
    """Decode images as for a test: shorter side to size * 8 / 7 (256 for 224), central crop; uint8 (n, 3, S, S)."""
    return _stack(map(F.pil_to_tensor, _centres(reader, paths, size)))


def _centres(reader: Decodes, paths: Iterable[Path], size: int) -> Iterator[Image.Image]:
    for image in map(reader, paths):
        side = min(image.size) * 7 / 8
        left, top = ((length - side) / 2 for length in image.size)
        box = (left, top, left + side, top + side)
        yield image.resize((size, size), Image.Resampling.BILINEAR, box)


def _stack(images: Iterable[Tensor]) -> Tensor:
    return handed_over(torch.stack([*images]).contiguous())
