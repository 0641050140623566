"""From a configuration to the objects of a run."""

import inspect
from collections.abc import Callable
from typing import Any, cast

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from torch import nn

from contrastive_lab import batchnorm
from contrastive_lab.config.check import kind, processes
from contrastive_lab.dataset import Splits, Texts, ViewsDataModule
from contrastive_lab.encoder import Encoder, build_head
from contrastive_lab.evaluation.scores import Scores
from contrastive_lab.method.base import ContrastiveModule
from contrastive_lab.randomness import generator


def build_data(config: DictConfig) -> ViewsDataModule:
    """The data set with the recipe of its views."""
    splits = _splits(config)
    recipe = instantiate(config.augment, _convert_="all", _partial_=True)(**_words(config))
    workers = int(config.dataset.get("workers", 0))
    return ViewsDataModule(splits, recipe, config.batch_size, config.seed, config.method_info.views, workers)


def build_encoder(config: DictConfig) -> Encoder:
    """Backbone and head, with batch normalisation of the kind asked for; its weights are a function of the seed."""
    torch.manual_seed(generator(config.seed, "weights").initial_seed())
    backbone: nn.Module = instantiate(_without_name(config.backbone), _partial_=True)(**_words(config))
    head = build_head(**_plain(config.head), features=cast(int, backbone.num_features))
    encoder = Encoder(backbone, head)
    return cast(Encoder, batchnorm.convert(encoder, **_plain(config.batchnorm), **_devices(config)))


def build_method(config: DictConfig) -> ContrastiveModule:
    """The method around its encoder; it gets those of the dials that it takes."""
    make: Callable[..., ContrastiveModule] = instantiate(config.method, _partial_=True)
    taken = inspect.signature(make).parameters
    dials = {name: config[name] for name in ("K", "alpha", "tau", "seed") if name in taken}
    return make(encoder=build_encoder(config), optim=instantiate(config.optim, _convert_="all"), **dials)


def score(config: DictConfig, encoder: Encoder, data: ViewsDataModule) -> Scores:
    """Accuracy of an encoder by the protocol of the configuration."""
    protocol = instantiate(_without_name(config.evaluation), _partial_=True)
    return cast(Scores, protocol(encoder=encoder, data=data, seed=config.seed))


def accelerator(config: DictConfig) -> str:
    """Where a run computes: "gpu" (CUDA) or "cpu". Others, such as Apple's, lack float64, which the guard needs."""
    asked = str(config.strategy.accelerator)
    return asked if asked != "auto" else "gpu" if torch.cuda.is_available() else "cpu"


def _words(config: DictConfig) -> dict[str, Any]:
    """What views and backbone of texts take beside their configuration: the words of the data set."""
    split = _splits(config).train if kind(config) == "texts" else None
    return {"vocabulary": split.vocabulary} if isinstance(split, Texts) else {}


def _splits(config: DictConfig) -> Splits:
    # Called here and not by Hydra, which would wrap an error of one line into many.
    return cast(Splits, instantiate(config.dataset.splits, _partial_=True)())


def _devices(config: DictConfig) -> dict[str, Any]:
    return {"world_size": processes(config), "accelerator": accelerator(config)}


def _plain(node: DictConfig) -> dict[str, Any]:
    return cast(dict[str, Any], OmegaConf.to_container(node, resolve=True))


def _without_name(node: DictConfig) -> dict[str, Any]:
    """What a node hands to its target: all but the name it is listed under."""
    return {key: value for key, value in _plain(node).items() if key != "name"}
