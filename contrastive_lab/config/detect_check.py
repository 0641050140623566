"""A line of `detect` composed and checked: every problem at once, before anything is read."""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from omegaconf import DictConfig

from contrastive_lab.config.check import kind, of_files, of_trainer
from contrastive_lab.config.devices import devices, processes
from contrastive_lab.config.identity import config_hash
from contrastive_lab.config.overrides import applied
from contrastive_lab.config.resolve import Resolved
from contrastive_lab.config.trust import untrusted_code
from contrastive_lab.errors import ConfigError

TAKEN = ("imagenet_resnet", "small_image_resnet", "small_resnet")  # what makes backbones with stages
FILES = ("train_json", "train_images", "test_json", "test_images")
OF_ARRAYS = "data=canvases pastes images of arrays, e.g. dataset=cifar10"
BACKEND = "pycocotools"


def composed_detect(overrides: list[str]) -> DictConfig:
    """The configuration of one job of `detect`; a ConfigError has every problem found."""
    try:
        config, problems = applied(overrides, "detect")
    except ConfigError as error:  # Hydra's own, of data sets that choose views of texts
        if name := re.search(r"'dataset/(\w+)': Could not override", str(error)):
            raise ConfigError(f"dataset={name[1]}: {OF_ARRAYS}") from None
        raise
    rules = (_backend, _backbone, _start, _data, _compile, devices, of_trainer, _files, untrusted_code)
    if problems := [*problems, *(problem for rule in rules for problem in rule(config))]:
        raise ConfigError(*problems)
    return config


def resolve_detect(config: DictConfig) -> Resolved:
    """What follows from a configuration of `detect`, which has no negatives."""
    name = f"detect-{config.start}-s{config.seed}"
    return Resolved(None, None, None, processes(config), "images", name, config_hash(config))


def _backend(config: DictConfig) -> Iterator[str]:
    if not find_spec(BACKEND):
        cure = 'pip install "contrastive-lab[detect]"'
        yield f"detect: {BACKEND}, which computes average precision, is not installed; {cure}"


def _backbone(config: DictConfig) -> Iterator[str]:
    if str(config.backbone["_target_"]).rpartition(".")[2] not in TAKEN:
        told = (
            "has no stages of feature maps; a ResNet of torchvision (resnet50, resnet18_3x3, ...) or small_resnet has"
        )
        yield f"backbone={config.backbone.name}: {told}"


def _compile(config: DictConfig) -> Iterator[str]:
    if config.strategy.get("compile"):
        yield "strategy.compile=true: detect does not compile; leave it out"


def _start(config: DictConfig) -> Iterator[str]:
    start, weights, name = config.start, config.weights, config.backbone.name
    library = config.backbone.get("pretrained")
    if start == "run" and weights is None:
        yield "start=run: needs run=<folder of a run>; start=random is from scratch"
    if start != "run" and weights is not None:
        yield f"weights={weights}: is of start=run, not of start={start}"
    if start == "supervised" and library is None:
        told = "method=supervised trains one with labels, and run=<its folder> starts from it"
        yield f"start=supervised: no library has weights of backbone={name}; {told}"
    elif (start == "supervised") != bool(library):
        told = "start=supervised takes a library's weights, and no other start does"
        yield f"backbone.pretrained={str(library).lower()}: {told}"


def _data(config: DictConfig) -> Iterator[str]:
    data, N = config.data, config.batch_size
    if data.images is not None and data.images < N:
        yield f"batch_size={N}: more than data.images={data.images}"
    if data.name == "coco":
        yield from missing_files(config)
        return
    if kind(config) == "texts" or config.dataset.name == "image_folder":
        yield f"dataset={config.dataset.name}: {OF_ARRAYS}"
    if data.sides[1] > data.size:
        yield f"data.sides=[{data.sides[0]:g},{data.sides[1]:g}]: no tile is longer than data.size={data.size}"
    if data.patch > data.size:
        yield f"data.patch={data.patch}: more than data.size={data.size}"


def _files(config: DictConfig) -> Iterator[str]:
    yield from of_files(config, ()) if config.data.name == "coco" else of_files(config)  # `dataset` is not read


def missing_files(config: DictConfig) -> Iterator[str]:
    """What is not there of the files and folders of a run on a COCO json, a line each."""
    data = config.data
    if data.root is None and any(str(data[key]).startswith("None/") for key in FILES):
        told = "needed; or data.train_json= and others"
        yield f"data.root=<folder with COCO's annotations/, train2017/ and val2017/>: {told}"
        return
    for key in FILES:
        path = Path(str(data[key]))
        if not (path.is_file() if key.endswith("json") else path.is_dir()):
            yield f"data.{key}={path}: no such {'file' if key.endswith('json') else 'folder'}"
