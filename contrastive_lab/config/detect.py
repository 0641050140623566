"""The settings of `detect`: its own without a group, and its groups. Their values stand in conf/."""

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from contrastive_lab.config.data import Pixels, Ratios, Share
from contrastive_lab.config.model import Settings, null


def _whole_interval(bounds: list[int]) -> list[int]:
    if not (len(bounds) == 2 and 0 <= bounds[0] <= bounds[1]):
        raise ValueError("[least,greatest], whole numbers from 0")
    return bounds


def _sides(bounds: list[float]) -> list[float]:
    if not (len(bounds) == 2 and 4 <= bounds[0] <= bounds[1] < math.inf):
        raise ValueError("[least,greatest], 4 pixels or more")
    return bounds


Counts = Annotated[list[int], AfterValidator(_whole_interval), Field(examples=[[1, 5]])]
Sides = Annotated[list[float], AfterValidator(_sides), Field(examples=[[16, 48]])]
Count = Annotated[int, Field(ge=1)]
Location = Annotated[str, Field(description="of a json of COCO's form, or of the folder of its images")]


class Detect(Settings):
    """Settings without a group."""

    start: Literal["run", "random", "supervised"] = Field(
        description="a run's weights (run=<folder>), none, or a library's that were trained with labels"
    )
    weights: str | None = Field(description="what start=run starts from; run=<folder> gives it")
    batch_size: int = Field(ge=1, description="images of a step over all devices")
    epochs: int = Field(ge=0, description="passes over the training images")
    base_lr: float = Field(gt=0, description="learning rate per 256 images; used is base_lr * batch_size / 256")
    seed: int = Field(ge=0, le=10**18, description="the run is a function of it")
    data_dir: str = Field(description="where data sets lie or are downloaded to")
    plugins: list[str] = Field(description="packages of yours whose code may run, e.g. [my_lab]")
    resume: str | None = Field(description="folder of a run to go on with; takes no other setting")
    sweep: str | None = Field(description="name of a multirun's folder")
    checkpoint_every_n_steps: int | None = Field(ge=1, description="beside the one at the end of every epoch")
    checkpoint_every_n_minutes: float | None = Field(gt=0, description="as well")


class Canvases(Settings):
    """Objects of array data sets on clutter."""

    name: Literal["canvases"] = Field(description="of its yaml")
    images: int = Field(ge=1, description="training canvases, a function of the seed")
    tests: int = Field(ge=1, description="test canvases, the same for all runs")
    size: int = Field(ge=32, le=2048, description="side of a canvas in pixels")
    objects: Counts = Field(description="least and greatest number of objects")
    sides: Sides = Field(description="least and greatest longer side of an object's tile in pixels")
    ratio: Ratios = Field(description="least and greatest height / width of a tile")
    overlap: Share = Field(description="greatest share of a tile that another one may cover")
    patch: int = Field(ge=4, description="side of the squares of clutter in pixels")
    cut: bool | None = Field(description="leave out what is dark in a tile; null: of grey images alone")
    flip: Share = Field(description="probability that a training canvas is mirrored")
    workers: int = Field(ge=0, description="processes that draw canvases")


class Coco(Settings):
    """A json of COCO's form with a folder of images."""

    name: Literal["coco"] = Field(description="of its yaml")
    root: str | None = Field(description="folder with COCO 2017's annotations/, train2017/ and val2017/")
    train_json: Location
    train_images: Location
    test_json: Location
    test_images: Location
    images: Annotated[int | None, null("for all")] = Field(ge=1, description="training images, the first so many")
    on_error: Literal["stop", "skip"] = Field(description="what wrong boxes and missing images do")
    flip: Share = Field(description="probability that a training image is mirrored")
    sizes: list[Pixels] = Field(min_length=1, examples=[[640, 800]], description="shorter sides in training, drawn")
    test_size: Pixels = Field(description="shorter side in tests")
    longest: Pixels = Field(description="of the longer side, which keeps the shorter one smaller")
    workers: int = Field(ge=0, description="processes that read images")


class Detector(Settings):
    """How large the detector is."""

    channels: int = Field(ge=8, description="of the pyramid and of the head's convolutions")
    convolutions: int = Field(ge=0, description="of the head")
    hidden: int = Field(ge=1, description="units of the head's linear layer")
    least_stride: Count = Field(description="stages of the backbone with a smaller stride are left out")
    anchor_scale: float = Field(gt=0, description="length of an anchor in strides of its level")
    anchors: Count = Field(description="sampled of an image for the loss of the proposals")
    rois: Count = Field(description="regions sampled of an image for the loss of the head")
    proposals: Count = Field(description="regions of an image that are proposed in training")
    test_proposals: Count = Field(description="regions of an image that are proposed in tests")
    detections: Count = Field(description="boxes that are given of an image at most")


class Precision(Settings):
    """How often average precision is measured."""

    every_n_epochs: int = Field(ge=1, description="and at the end")
    per_class: bool = Field(description="AP of each class, too")


GROUPS = ("backbone", "batchnorm", "data", "dataset", "logger", "optim", "scale", "strategy", "trainer")
NODES = (*GROUPS, "checkpoint", "detector", "precision")


def reads_dataset(config: Any) -> bool:
    """Whether a run reads the images of its `dataset`, of which one on a COCO json takes mean and deviation alone."""
    return not is_detect(config) or config["data"]["name"] == "canvases"


def is_detect(config: Any) -> bool:
    """Whether a configuration, or its values, are those of a run of `detect`."""
    return "detector" in config
