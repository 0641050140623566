"""Settings of data sets, views and backbones, named like the class or function that each configures."""

import math
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo, field_validator

from contrastive_lab.config.model import Settings

Share = Annotated[float, Field(ge=0, le=1)]
Pixels = Annotated[int, Field(ge=2)]  # a blur needs two


def _interval(bounds: list[float], most: float = math.inf) -> list[float]:
    if not (len(bounds) == 2 and 0 < bounds[0] <= bounds[1] <= most):
        raise ValueError(f"[least,greatest]{', at most 1' if most == 1 else ''}")
    return bounds


def _levels(bounds: list[int]) -> list[int]:
    if not (len(bounds) == 2 and bounds[0] < bounds[1]):
        raise ValueError("[black,white], two numbers of which the second is greater")
    return bounds


def _channels(numbers: list[float]) -> list[float]:
    if len(numbers) not in (1, 3):
        raise ValueError("one number, or three for red, green and blue")
    return numbers


def _positive(numbers: list[float]) -> list[float]:
    if min(_channels(numbers)) <= 0:
        raise ValueError("more than 0 each")
    return numbers


Areas = Annotated[list[float], AfterValidator(partial(_interval, most=1.0)), Field(examples=[[0.2, 1.0]])]
Ratios = Annotated[list[float], AfterValidator(_interval), Field(examples=[[0.75, 1.33]])]
Channels = Annotated[list[float], Field(description="of each channel, one or three numbers", examples=[[0.5]])]
Levels = Annotated[list[Annotated[int, Field(ge=0, le=65535)]], AfterValidator(_levels), Field(examples=[[0, 4095]])]
Byte = Annotated[int, Field(ge=0, le=255)]
Colour = Annotated[list[Byte], Field(min_length=3, max_length=3, examples=[[255, 255, 255]])]
ValFraction = Annotated[
    float | None, Field(gt=0, lt=1, description="share of each class to test on where nothing is there to; null: none")
]
ValSeed = Annotated[int, Field(ge=0, description="which images val_fraction takes is a function of it alone")]
Means = Annotated[Channels, AfterValidator(_channels)]
Deviations = Annotated[Channels, AfterValidator(_positive)]
Resnets = Literal[
    "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "resnext101_32x8d",
    "resnext101_64x4d", "wide_resnet50_2", "wide_resnet101_2",
]  # fmt: skip
PRETRAINED = "starts from the library's own weights, from its cache or downloaded"
Widths = Annotated[list[Annotated[int, Field(ge=1)]], Field(examples=[[32, 64, 128]])]


class Crop(Settings):
    """A random crop and its resizing."""

    scale: Areas = Field(description="least and greatest area as a share of the image's")
    ratio: Ratios = Field(description="least and greatest width / height")
    interpolation: Literal["bilinear", "bicubic"] = Field(description="of the resizing")


class Color(Settings):
    """The colour jitter."""

    p: Share = Field(description="probability of the jitter")
    brightness: float = Field(ge=0, description="b: the factor is uniform in [max(0, 1 - b), 1 + b]")
    contrast: float = Field(ge=0, description="as brightness")
    saturation: float = Field(ge=0, description="as brightness")
    hue: float = Field(ge=0, le=0.5, description="h: the turn is uniform in [-h, h] of the colour circle")
    strength: float = Field(ge=0, description="multiplies the four")


class Recipe(Settings):
    """Views of images."""

    size: Pixels = Field(description="side of a view in pixels")
    mean: Means
    std: Deviations
    crop: Crop
    flip: Share = Field(description="probability of a horizontal flip")
    color: Color
    gray: Share = Field(description="probability of grey")
    blur: Share = Field(description="probability of a Gaussian blur")
    blur_sigma: Ratios = Field(description="least and greatest standard deviation of the blur in pixels")
    order: list[Literal["color", "gray", "blur"]] = Field(description="after crop and flip; what is left out is off")
    small_views: int = Field(ge=0, description="smaller views beside the two (multi-crop)")
    small_size: Pixels = Field(description="side of a small view in pixels")
    small_crop: Crop


class WordViews(Settings):
    """Views of texts."""

    drop: Share = Field(description="probability that a word is left out")
    replace: Share = Field(description="probability that a word is replaced by one of its neighbours; needs vectors")
    vectors: str | None = Field(description="file of word vectors, a word and its numbers a line")
    small_views: int = Field(ge=0, description="further views, made alike")


class Backbone(Settings):
    """What all backbones take."""

    name: str = Field(description="in result.json")
    zero_init_residual: bool = Field(False, description="each block starts as the identity")


class ImagenetResnet(Backbone):
    """A ResNet of torchvision."""

    arch: Resnets = Field(description="of torchvision.models")
    width: int = Field(ge=1, description="multiplies all numbers of channels")
    pretrained: bool = Field(description=PRETRAINED)


class SmallImageResnet(Backbone):
    """The same with another stem, for which there are no weights."""

    arch: Resnets = Field(description="of torchvision.models")
    width: int = Field(ge=1, description="multiplies all numbers of channels")


class SmallResnet(Backbone):
    """The ResNet for two cores."""

    widths: Widths = Field(min_length=1, description="channels of the blocks; the last is the width of the features")
    stem_stride: int = Field(ge=1, description="2 halves the size at once, 1 keeps it at four times the work")


class TimmModel(Backbone):
    """A model of timm; more of its options go in with a plus."""

    model_config = ConfigDict(extra="allow")

    arch: str = Field(description="of timm.list_models()")
    pretrained: bool = Field(description=PRETRAINED)


class BagOfWords(Backbone):
    """The encoder of texts."""

    features: int = Field(ge=1, description="width of the vectors")


class Dataset(Settings):
    """A data set of images."""

    name: str = Field(description="in result.json")
    size: Pixels = Field(description="side of the images in pixels")
    images: int | None = Field(ge=1, description="number of images to learn from; null: counted when they are read")
    mean: Means
    std: Deviations
    splits: dict[str, Any] = Field(description="what reads them")


class ImageFolder(Dataset):
    """Images in a folder."""

    root: str = Field(description="folder with train/ and val/, or any tree of images")
    probe_root: str | None = Field(description="another folder with train/ and val/ and classes, for the probes alone")
    workers: int = Field(ge=0, description="processes that decode and crop, at most one for each core")
    range: Levels = Field(description="what is black and what is white in 16-bit grey images")
    background: Colour = Field(description="red, green and blue, 0 to 255, under what is transparent")
    val_fraction: ValFraction
    val_seed: ValSeed
    on_error: Literal["stop", "skip"] = Field(
        description="what a file that cannot be read does: it is left out by skip"
    )
    pack: int | None = Field(
        ge=2, description="pixels of the shorter side to which all are decoded once, into a cache; null: every time"
    )

    @field_validator("pack")
    @classmethod
    def _covers_a_view(cls, pack: int | None, known: ValidationInfo) -> int | None:
        if pack is not None and pack < known.data.get("size", 0):
            raise ValueError(f"at least the {known.data['size']} of dataset.size, or null")
        return pack


class OwnArrays(Dataset):
    """Images in files of numpy."""

    root: str = Field(description="folder with train_images.npy, uint8 (n, H, W, C)")
    val_fraction: ValFraction
    val_seed: ValSeed


class Texts(Settings):
    """A data set of texts."""

    name: str = Field(description="in result.json")
    kind: Literal["texts"] = Field(description="what it consists of")
    images: int | None = Field(ge=1, description="number of texts to learn from; null: counted when they are read")
    splits: dict[str, Any] = Field(description="what reads them")


class AgNews(Texts):
    """News texts of four classes."""

    train_csv: str | None = Field(description="null: ag_news/train.csv or train.csv.xz below data_dir")
    test_csv: str | None = Field(description="as train_csv")
    min_frequency: int = Field(ge=1, description="of a word in the training texts")
