"""Image files are read as a viewer shows them."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as F
from PIL import Image
from torchvision.transforms import InterpolationMode

from contrastive_lab.augment import Crop
from contrastive_lab.dataset import decode
from contrastive_lab.dataset.decode import Reader, crops
from contrastive_lab.errors import RunError
from tests.random_images import plain, step_random

GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)  # every value once
RGB = np.stack([GREY] * 3, axis=-1)


def read(path: Path, **settings: tuple[int, ...]) -> np.ndarray:
    return np.asarray(Reader(**settings)(path))


def test_16_bits_become_8_as_by_division(tmp_path: Path) -> None:
    Image.fromarray(GREY.astype(np.uint16) * 257).save(tmp_path / "a.png")
    assert np.array_equal(read(tmp_path / "a.png"), RGB)
    Image.fromarray(GREY.astype(np.uint16) * 257).save(tmp_path / "a.tiff")
    assert np.array_equal(read(tmp_path / "a.tiff"), RGB)


def test_12_bits_need_their_range(tmp_path: Path) -> None:
    Image.fromarray((GREY.astype(np.uint16) * 16 + 8).clip(0, 4095)).save(tmp_path / "a.png")
    assert np.abs(read(tmp_path / "a.png", range=(0, 4095)).astype(int) - RGB).max() <= 1
    assert read(tmp_path / "a.png").max() == 16  # 4095 / 257
    outside = read(tmp_path / "a.png", range=(1000, 2000))
    assert (outside.min(), outside.max()) == (0, 255)


def png_of_16_bits(colour: int, channels: int) -> bytes:
    """A PNG of one pixel whose channels are 2048, by the format's chunks; PIL writes none in colour."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 16, colour, 0, 0, 0))]
    parts += [(b"IDAT", zlib.compress(b"\0" + b"\x08\0" * channels)), (b"IEND", b"")]
    chunks = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_a_range_is_not_ignored_by_16_bits_in_colour(colour: int, channels: int, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png_of_16_bits(colour, channels))
    with pytest.raises(RunError, match=r"a\.png: has 16 bits in colour, of which dataset\.range is not taken"):
        read(tmp_path / "a.png", range=(0, 4095))
    if channels == 3:
        assert read(tmp_path / "a.png").tolist() == [[[8, 8, 8]]]
    (tmp_path / "a.png").write_bytes(png_of_16_bits(0, 1))
    assert read(tmp_path / "a.png", range=(0, 4095)).tolist() == [[[128, 128, 128]]]


def pnm(kind: str, white: int, values: np.ndarray) -> bytes:
    """A file of 16 bits by its format: P5 and P6 are binary, P2 and P3 text, of grey and of colour."""
    binary = kind in ("P5", "P6")
    body = values.astype(">u2").tobytes() if binary else " ".join(map(str, values.ravel().tolist())).encode()
    return f"{kind} {values.shape[1]} {values.shape[0]} {white}\n".encode() + body


@pytest.mark.parametrize("kind", ["P2", "P5"])
@pytest.mark.parametrize("suffix", ["pgm", "pnm"])
def test_16_bits_of_a_pgm_are_those_of_a_png(kind: str, suffix: str, tmp_path: Path) -> None:
    """Of another white the file says so; a range tells of the values as they stand in the file."""
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(pnm(kind, 65535, GREY.astype(int) * 257))
    assert np.array_equal(read(path), RGB)
    twelve = (GREY.astype(int) * 16 + 8).clip(0, 4095)
    for white, settings in ((4095, {}), (4095, {"range": (0, 4095)}), (65535, {"range": (0, 4095)})):
        path.write_bytes(pnm(kind, white, twelve))
        assert np.array_equal(read(path, **settings)[..., 0], np.round(twelve / 4095 * 255))
    outside = read(path, range=(1000, 2000))[..., 0]
    assert np.array_equal(outside, np.round(255 * ((twelve - 1000) / 1000).clip(0, 1)))


@pytest.mark.parametrize("kind", ["P3", "P6"])
def test_16_bits_of_a_ppm_have_no_range(kind: str, tmp_path: Path) -> None:
    path, colours = tmp_path / "a.ppm", np.stack([GREY, GREY[::-1], 255 - GREY], axis=-1)
    path.write_bytes(pnm(kind, 65535, colours.astype(int) * 257))
    assert np.array_equal(read(path), colours)
    path.write_bytes(pnm(kind, 1020, colours.astype(int) * 4))
    assert np.array_equal(read(path), colours)
    with pytest.raises(RunError, match=r"a\.ppm: has 16 bits in colour, of which dataset\.range is not taken"):
        read(path, range=(0, 4095))


@pytest.mark.parametrize("background", [(255, 255, 255), (10, 20, 30)])
def test_what_is_transparent_shows_the_background(background: tuple[int, int, int], tmp_path: Path) -> None:
    rgba = np.zeros((16, 16, 4), np.uint8)
    rgba[..., :3], rgba[..., 3] = 100, GREY
    Image.fromarray(rgba).save(tmp_path / "a.png")
    share = GREY[..., None] / 255
    by_hand = 100 * share + np.array(background) * (1 - share)
    assert np.abs(read(tmp_path / "a.png", background=background) - by_hand).max() <= 1


def test_a_colour_of_a_palette_may_be_transparent(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1]], np.uint8), mode="P")
    image.putpalette([200, 0, 0, 0, 200, 0])
    image.save(tmp_path / "a.png", transparency=1)
    assert read(tmp_path / "a.png").tolist() == [[[200, 0, 0], [255, 255, 255]]]


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda a: a),
        (2, np.fliplr),
        (3, lambda a: np.rot90(a, 2)),
        (4, np.flipud),
        (5, lambda a: a.swapaxes(0, 1)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: np.rot90(a, 2).swapaxes(0, 1)),
        (8, lambda a: np.rot90(a, 1)),
        (9, lambda a: a),  # there is no such one
    ],
)
def test_a_photo_stands_upright(orientation: int, upright: Callable[[np.ndarray], np.ndarray], tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(RGB[:8]).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read(tmp_path / "a.png"), upright(RGB[:8]))


# A TIFF's head and a directory of one entry: orientation 6 in a type of which nobody knows the length, or cut short.
DIRECTORY = b"II*\0\x08\0\0\0\x01\0\x12\x01"


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("exif", [DIRECTORY, DIRECTORY + b"\x63\0\x01\0\0\0\x06\0\0\0", b"II*\0\x08", b"nothing", b""])
def test_a_photo_whose_exif_data_are_broken_stays_as_it_is(exif: bytes, tmp_path: Path) -> None:
    Image.fromarray(RGB[:8]).save(tmp_path / "a.png", exif=b"Exif\0\0" + exif)
    assert np.array_equal(read(tmp_path / "a.png"), RGB[:8])


def test_an_error_that_nothing_foresees_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(RGB).save(tmp_path / "a.png")
    monkeypatch.setattr(Image.Image, "convert", lambda self, mode: struct.unpack("<H", b""))
    with pytest.raises(RunError, match=r"a\.png: unpack requires a buffer of 2 bytes"):
        read(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "pgm", "pnm"])
def test_8_bits_are_as_they_are(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(GREY).save(path)
    assert np.array_equal(read(path), np.asarray(Image.open(path).convert("RGB")))


@pytest.mark.parametrize(("kind", "told"), [("f4", "holds floats"), ("i4", "holds integers of 32 bits")])
def test_values_of_an_unknown_range_are_an_error(kind: str, told: str, tmp_path: Path) -> None:
    Image.fromarray(GREY.astype(kind)).save(tmp_path / "a.tiff")
    with pytest.raises(RunError, match=rf"a\.tiff: {told}"):
        read(tmp_path / "a.tiff")


def test_a_file_that_cannot_be_read_is_named_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)).save(tmp_path / "half.png")
    (tmp_path / "half.png").write_bytes((tmp_path / "half.png").read_bytes()[:2000])
    (tmp_path / "page.jpg").write_text("<html>403 Forbidden</html>")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "link.png").symlink_to("gone.png")
    Image.new("L", (100, 100)).save(tmp_path / "map.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)
    told = {"half": "truncated", "page": "no image", "empty": "no image", "link": "is not there", "map": "4,000 pixels"}
    for path in tmp_path.iterdir():
        with pytest.raises(RunError) as caught:
            read(path)
        (reason,) = [reason for name, reason in told.items() if path.name.startswith(name)]
        assert str(caught.value).startswith(f"{path}: ") and reason in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1


def photo(height: int, width: int) -> Image.Image:
    """Soft colours with some grain, as a camera's."""
    source = torch.Generator().manual_seed(height)
    soft = torch.rand(1, 3, 4, 5, generator=source)
    soft = torch.nn.functional.interpolate(soft, (height, width), mode="bicubic")[0]
    return F.to_pil_image((soft + 0.05 * torch.randn(soft.shape, generator=source)).clamp(0, 1))


JPEGS = [{"subsampling": 0}, {"subsampling": 1}, {"subsampling": 2}, {"progressive": True}, {"keep_rgb": True}]


@pytest.mark.parametrize("how", [*JPEGS, {"mode": "L"}, {"mode": "CMYK"}, {"turn": 1}, {"turn": 6}])
def test_pixels_are_those_of_pil_for_every_jpeg(how: dict[str, Any], tmp_path: Path) -> None:
    path, (mode, turn), exif = tmp_path / "a.jpg", (how.pop("mode", "RGB"), how.pop("turn", None)), Image.Exif()
    if turn:
        exif[0x0112] = turn
    photo(41, 67).convert(mode).save(path, exif=exif, **how)
    assert torch.equal(Reader().pixels(path), F.pil_to_tensor(Reader()(path)))
    assert Reader().pixels(path).shape == ((3, 67, 41) if turn == 6 else (3, 41, 67))


def test_a_jpeg_that_cannot_be_read_is_named_by_its_pixels_too(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    photo(41, 67).save(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(RunError, match=r"a\.jpg: image file is truncated"):
        Reader().pixels(path)


def test_without_torchvisions_decoder_pil_reads_jpegs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo(41, 67).save(tmp_path / "a.jpg")
    before = Reader().pixels(tmp_path / "a.jpg")
    monkeypatch.delattr(decode, "decode_jpeg")
    assert torch.equal(Reader().pixels(tmp_path / "a.jpg"), before)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_crops_are_those_of_pil_but_for_rounding(interpolation: str, tmp_path: Path) -> None:
    images = [photo(90 + i, 120 - i) for i in range(8)]
    paths = [tmp_path / f"{i}.png" for i in range(8)]
    for image, path in zip(images, paths, strict=True):
        image.save(path)
    recipe, random = plain(size=48, crop=Crop(interpolation=interpolation)), step_random(8)
    heights, widths = (torch.tensor([getattr(image, side) for image in images]) for side in ("height", "width"))
    for view, made in enumerate(crops(Reader(), paths, recipe, random, (0, 1))):
        for image, crop, box in zip(images, made, recipe.boxes(random, view, heights, widths).tolist(), strict=True):
            by_pil = F.resized_crop(image, *box, [48, 48], InterpolationMode(interpolation))
            exact = F.resized_crop(F.pil_to_tensor(image).double(), *box, [48, 48], InterpolationMode(interpolation))
            theirs = F.pil_to_tensor(by_pil).double()
            assert (crop - theirs).abs().max() <= 2  # of 255
            error, bound = ((values - exact.clamp(0, 255)).abs() for values in (crop, theirs))
            assert error.mean() <= bound.mean() + 0.02
