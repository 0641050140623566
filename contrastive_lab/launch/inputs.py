"""What a run reads before it starts: the user's images or texts, and the weights that it starts from."""

import math
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, cast

from omegaconf import DictConfig, OmegaConf

from contrastive_lab.config.detect import is_detect, reads_dataset
from contrastive_lab.config.detect_check import missing_files
from contrastive_lab.config.plugins import in_one_line
from contrastive_lab.config.resolve import resolve
from contrastive_lab.errors import ConfigError
from contrastive_lab.imports import quickly
from contrastive_lab.record.result import read_result


def image_problems(config: DictConfig) -> Iterator[str]:
    """Look through the user's images or texts, and yield what does not fit; a ConfigError tells what is wrong there."""
    if config.labels is None and not of_user(config):
        return
    N, where = config.batch_size, config.dataset.get("root", f"dataset={config.dataset.name}")
    images = read_images(OmegaConf.to_yaml(config.dataset, resolve=True)).images
    if config.labels is not None:
        images, where = labelled_images(config), f"{where} with labels={config.labels:g}"
    if images < N:
        fits = 2 ** int(math.log2(images))
        hint = f"batch_size={fits} fits" if images > 1 else "two are the least"
        yield f"batch_size={N}: more than the {images} {resolve(config).kind} of {where}; {hint}"


def labelled_images(config: DictConfig) -> int:
    """How many images a run learns from with its share of the labels; a ConfigError where none has a label."""
    counts = read_images(OmegaConf.to_yaml(config.dataset, resolve=True)).classes
    if not counts:
        where = config.dataset.get("root", f"dataset={config.dataset.name}")
        raise ConfigError(f"labels={config.labels:g}: {where} has no labelled {resolve(config).kind}")
    from contrastive_lab.dataset.labelled import balanced  # here: it imports torch, which takes seconds

    return sum(counts) if config.labels == 1 else sum(balanced(counts, config.labels))


def weights_problems(config: DictConfig) -> Iterator[str]:
    """Read the weights that a run starts from, and yield why they cannot be taken; a library's are downloaded."""
    if config.weights is not None or config.backbone.get("pretrained"):
        yield from _problems_of_weights(OmegaConf.to_yaml(config, resolve=True))


@lru_cache
def _problems_of_weights(config: str) -> tuple[str, ...]:
    with quickly():  # here: it imports torch, which takes seconds
        from contrastive_lab.run.build import build_encoder

    try:
        build_encoder(cast(DictConfig, OmegaConf.create(config)), start=True)
    except ConfigError as error:
        return error.problems
    return ()


def of_user(config: DictConfig) -> bool:
    """Whether the data set is read from files that the user has put somewhere."""
    return reads_dataset(config) and ("root" in config.dataset or "train_csv" in config.dataset)


def other_images(folder: Path, config: DictConfig) -> str:
    """The hashes of the images that the run in a folder had and would have now, if they differ; else empty.

    ConfigError if the json or the images of a run of `detect` are gone.
    """
    now = then = read_result(folder).data_hash
    if is_detect(config) and config.data.name == "coco":
        if problems := [*missing_files(config)]:
            raise ConfigError(*problems)
        now = then and _hash_of_json(Path(config.data.train_json), Path(config.data.test_json))
    elif then and of_user(config):
        now = read_images(OmegaConf.to_yaml(config.dataset, resolve=True)).hash
    return f"data_hash: {then}, not {now}" if then != now else ""


def _hash_of_json(train: Path, test: Path) -> str:
    with quickly():  # here: it imports torch, which takes seconds
        from contrastive_lab.detect.coco import json_hash
        from contrastive_lab.detect.data import scenes_hash

    return scenes_hash(json_hash(train), json_hash(test))


class Found(NamedTuple):
    """Of a data set: images to pre-train on, those of each class with a label, hash, whether labelled ones test."""

    images: int
    classes: list[int]
    hash: str
    probed: bool = False


@lru_cache
def read_images(dataset: str) -> Found:
    """What there is of a data set; once for all jobs that read the same one."""
    with quickly():  # here: a data set imports torch, which takes seconds
        from contrastive_lab.dataset import data_hash

    splits = read_splits(dataset)
    labels = None if splits.train is None else splits.train.labels
    classes = [] if labels is None else labels.bincount().tolist()
    return Found(len(splits.pretrain), classes, data_hash(splits), splits.probed)


def read_splits(dataset: str) -> Any:
    """The data set of a node, as yaml."""
    from hydra.utils import instantiate

    node = OmegaConf.create(dataset)
    with in_one_line(f"dataset={node.name}", str(node.splits["_target_"])):
        return instantiate(node.splits, _partial_=True)()
