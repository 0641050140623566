"""Make the objects of a run from its configuration; a ConfigError of one line where the data set does not fit it."""

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import torch
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf
from torch import nn

from contrastive_lab import batchnorm
from contrastive_lab.compat import hub_offline
from contrastive_lab.dataset import Splits, Texts, ViewsDataModule, data_hash
from contrastive_lab.dataset.labelled import with_labels
from contrastive_lab.encoder import Encoder, build_head
from contrastive_lab.errors import ConfigError, first_line
from contrastive_lab.evaluation.scores import Scores
from contrastive_lab.method.base import ContrastiveModule
from contrastive_lab.objective import Objective
from contrastive_lab.own_class import check_batches
from contrastive_lab.randomness import generator
from contrastive_lab.run.start import start_from
from contrastive_lab.run.wandb_run import reachable


def build_data(config: DictConfig) -> ViewsDataModule:
    """The data set with the recipe of its views; a ConfigError if it has not the number of images that is told.

    Its `hash` is that of all images, also where `labels` leaves a share of them.
    """
    whole = splits = build_splits(config)
    told, images = config.dataset.images, len(splits.pretrain)
    if told not in (None, images):
        raise ConfigError(
            f"dataset.images={told}: must be {images}, what dataset={config.dataset.name} has to learn from"
        )
    if (share := config.get("labels")) is not None:
        splits = with_labels(whole, share, config.seed)
    recipe = instantiate(config.augment, _convert_="all", _partial_=True)(**_vocabulary(splits))
    workers = int(config.dataset.get("workers", 0))
    data = ViewsDataModule(splits, recipe, config.batch_size, config.seed, config.method_info.views, workers)
    if share is not None:
        data.hash = data_hash(whole)
    return data


def build_encoder(config: DictConfig, processes: int = 1, start: bool = False) -> Encoder:
    """Backbone and head, with batch normalisation for so many processes; its weights are a function of the seed.

    With `start` the backbone has those that a run starts from, which a stored one needs no more.
    """
    torch.manual_seed(generator(config.seed, "weights").initial_seed())
    views = config.augment
    sizes = [views[name] for name in ("size", "small_size") if name in views][: 2 if views.get("small_views") else 1]
    backbone = build_backbone(config, sizes, start)
    head = build_head(**_plain(config.head), features=cast(int, backbone.num_features))
    encoder = Encoder(backbone, head)
    settings = {**_plain(config.batchnorm), "world_size": processes, "accelerator": accelerator(config)}
    return cast(Encoder, batchnorm.convert(encoder, **settings))


def build_backbone(config: DictConfig, sizes: Sequence[int], start: bool = False) -> nn.Module:
    """The backbone, with `start` with the weights that a run starts from; ConfigError unless it takes such sizes."""
    backbone = _backbone(config, sizes, start)
    if start and config.get("weights") is not None:
        start_from(backbone, config.weights, config.backbone.name)
    return backbone


def _backbone(config: DictConfig, sizes: Sequence[int], start: bool) -> nn.Module:
    node = _without_name(config.backbone)
    node |= {"pretrained": start} if node.get("pretrained") else {}
    if "zero_init_residual" not in inspect.signature(get_object(node["_target_"])).parameters:
        node.pop("zero_init_residual", None)  # a net of others may have no residual blocks
    make = instantiate(node, _partial_=True)
    known = _vocabulary(build_splits(config)) if "vocabulary" in inspect.signature(make).parameters else {}
    try:
        net = (_pretrained(make, node["arch"]) if node.get("pretrained") else cast(nn.Module, make(**known))).eval()
        with torch.no_grad():
            for size in sizes:
                net(torch.zeros(1, 3, size, size))
    except ConfigError:
        raise
    except Exception as error:  # timm has many kinds of them
        raise ConfigError(f"backbone={config.backbone.name}: {first_line(error)}") from error
    return net.train()


def _pretrained(make: Callable[[], Any], arch: str) -> nn.Module:
    try:
        with hub_offline(lambda host: not reachable(host, 443)):
            return cast(nn.Module, make())
    except Exception as error:  # of a cache, a connection or a library that has no weights
        told = f"no weights of {arch} from the cache or its server ({first_line(error)})"
        raise ConfigError(f"backbone.pretrained=true: {told}; weights=<file> takes them from elsewhere") from error


def build_method(
    config: DictConfig, data: ViewsDataModule, processes: int = 1, start: bool = False
) -> ContrastiveModule[Any]:
    """The method around its encoder; it gets those of K, alpha, tau, seed, images and classes that it takes.

    K and alpha are as asked for: a bank's entries once each (None) are not as many draws, and the diagnostics take
    an alpha of None for the number of keys at hand. `start` is that of `build_encoder`.

    ConfigError if it learns from labels and there are none, or if own_class_share asks for negatives by class and a
    query has too few images of its own class or of others.
    """
    make: partial[ContrastiveModule[Any]] = instantiate(config.method, _partial_=True)
    images, classes = data.splits.pretrain, data.splits.classes
    taken = inspect.signature(make).parameters
    if config.method_info.get("labels") and (images.labels is None or ("classes" in taken and not classes)):
        raise ConfigError(f"method={config.method_info.id}: this data set has no labels to learn from")
    if config.own_class_share is not None:
        _check_classes(config, data)
    known = {name: config[name] for name in ("K", "alpha", "tau", "seed", "own_class_share")}
    known |= {"images": len(images), "classes": classes}
    if "objective" in taken:
        known["objective"] = build_objective(config, data)
    known |= {"encoder": build_encoder(config, processes, start), "optim": instantiate(config.optim, _convert_="all")}
    return make(**{name: value for name, value in known.items() if name in taken})


def _check_classes(config: DictConfig, data: ViewsDataModule) -> None:
    """Check that negatives can be chosen by class, before the first step."""
    labels, share = data.splits.pretrain.labels, config.own_class_share
    if labels is None:
        raise ConfigError(f"own_class_share={share:g}: dataset={config.dataset.name} has no labels to choose by")
    if config.method_info.pool == "bank":
        check_batches(labels, [torch.arange(len(labels))], len(labels), config.K, share, repeated=True)
    else:
        views = 2 if config.method_info.pool == "2N-2" else 1
        orders = (data.order(epoch) for epoch in range(config.epochs))
        check_batches(labels, orders, config.batch_size, config.K, share, views, config.sets)


def build_objective(config: DictConfig, data: ViewsDataModule) -> Objective:
    """The loss of a query with its negatives."""
    settings = _plain(config.loss)
    if (target := settings.pop("_target_", None)) is not None:
        settings["function"] = get_object(target)
    if config.dclw_sigma is not None:
        settings["dclw_sigma"] = config.dclw_sigma
    images, directions = len(data.splits.pretrain), len(data.views)
    return Objective(**settings, sets=config.sets, remember=config.remember, images=images, directions=directions)


def score(
    config: DictConfig, encoder: Encoder, data: ViewsDataModule, classifier: nn.Module | None = None
) -> Scores | None:
    """Accuracy of an encoder by the protocol of the configuration; None in processes but the first.

    `classifier` is that of the method, for the protocol that takes it, which is a ConfigError where there is none.
    """
    protocol = instantiate(_without_name(config.evaluation), _partial_=True)
    known = {"encoder": encoder, "data": data, "seed": config.seed}
    if "classifier" in inspect.signature(protocol).parameters:
        if classifier is None:
            raise ConfigError(f"evaluation={config.evaluation.name}: method={config.method_info.id} trains none")
        known["classifier"] = classifier
    return cast(Scores | None, protocol(**known))


def accelerator(config: DictConfig) -> str:
    """Where a run computes: "gpu" (CUDA) or "cpu"; others, such as Apple's, lack the float64 of the diagnostics."""
    asked = str(config.strategy.accelerator)
    return asked if asked != "auto" else "gpu" if torch.cuda.is_available() else "cpu"


def _vocabulary(splits: Splits) -> dict[str, Any]:
    """What views and backbone of texts take beside their configuration; nothing for images."""
    return {"vocabulary": splits.pretrain.vocabulary} if isinstance(splits.pretrain, Texts) else {}


def build_splits(config: DictConfig) -> Splits:
    """The data set of a configuration."""
    # Called here and not by Hydra, which would wrap an error of one line into many.
    return cast(Splits, instantiate(config.dataset.splits, _partial_=True)())


def _plain(node: DictConfig) -> dict[str, Any]:
    return cast(dict[str, Any], OmegaConf.to_container(node, resolve=True))


def _without_name(node: DictConfig) -> dict[str, Any]:
    """The arguments that a node has for its target: all but the name it is listed under."""
    return {key: value for key, value in _plain(node).items() if key != "name"}
