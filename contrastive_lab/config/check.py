"""Combinations of settings that cannot run: every problem at once, before any data is read."""

import difflib
import math
import os
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from contrastive_lab.config.devices import devices, processes
from contrastive_lab.config.identity import beside_infonce
from contrastive_lab.config.signature import misfits
from contrastive_lab.config.start import start_problems
from contrastive_lab.config.trust import untrusted_code
from contrastive_lab.config.values import typed

WITHOUT_ALPHA = ("spectral", "nce")  # losses
OWN_LOSS = "has a loss of its own, in which no K negatives are drawn"


def check(config: DictConfig) -> list[str]:
    """What is wrong with a configuration, a line a problem; nothing where it can run."""
    rules = (_negatives, start_problems, _memory, devices, of_trainer, of_files, _kinds, _views, _architecture,
             untrusted_code, misfits)  # fmt: skip
    return [problem for rule in rules for problem in rule(config)]


def kind(config: DictConfig) -> str:
    """What the data set consists of: "images" or "texts"."""
    return str(config.dataset.get("kind", "images"))


def pool_size(config: DictConfig, images: int | None = None) -> int | None:
    """How many keys a query's K negatives are chosen from; None where any K will do, or where there are none."""
    N, images = config.batch_size, config.dataset.images or images
    return {"N-1": N - 1, "2N-2": 2 * N - 2, "bank": images and images - 1}.get(config.method_info.pool)


def effective_K(config: DictConfig, images: int | None = None) -> int | None:
    """The number of negatives of a query that the run will use: K, or the whole pool; None without negatives."""
    K = config.K if config.K is not None else pool_size(config, images)
    return None if K is None or config.method_info.pool == "none" else int(K)


def _negatives(config: DictConfig) -> Iterator[str]:
    method, K, N, keys = config.method_info, config.K, config.batch_size, pool_size(config)
    if config.batchnorm.kind == "shuffle" and not method.key_encoder:
        yield f"batchnorm=shuffle: {method.name} has no key encoder to shuffle for; use split or sync"
    if config.dataset.images is not None and config.dataset.images < N:
        yield f"batch_size={N}: more than the {config.dataset.images} images of dataset={config.dataset.name}"
    if method.pool == "none":
        yield from without_negatives(config)
        return
    if not method.get("own_loss"):
        yield from loss_problems(config)
    if K is None and method.pool == "queue":
        yield f"K=null: {method.name} keeps a queue, whose length K must be a number"
    if K is not None and keys is not None and K * config.sets > keys >= 1 and method.pool != "bank":
        sets = f" sets={config.sets}" if config.sets > 1 else ""
        yield f"K={K}{sets}: more than the {method.pool} = {keys} keys of batch_size={N}; lower K or raise N"


def _memory(config: DictConfig) -> Iterator[str]:
    """Settings that make a single tensor of float32 larger than the memory of this machine."""
    pool, K, D = config.method_info.pool, (config.K or 0) * config.sets, config.head.dim
    rows = {"queue": K, "bank": K * config.batch_size // processes(config)}.get(pool, 0)
    sizes = {"K": rows * D, "head.dim": D * (config.head.hidden or 1)}
    sizes |= {f"method.{name}": (config.method.get(name) or 0) * D for name in ("queue", "prototypes")}
    side = config.augment.get("size", 0) if "size" in config.dataset else 0
    sizes["augment.size"] = min(config.batch_size // processes(config), 2**20) * 3 * side * side
    have = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for key, numbers in sizes.items():
        if 4 * numbers > have:
            asked = f"{key}={OmegaConf.select(config, key)}" + f" sets={config.sets}" * (key == "K" and config.sets > 1)
            yield f"{asked}: takes {4e-9 * numbers:,.0f} GB, and this machine has {have / 1e9:.0f}; lower it"


def without_negatives(config: DictConfig) -> Iterator[str]:
    """What a method without negatives cannot have."""
    method = config.method_info
    own = [f"method.{name}" for name in config.method if name != "_target_"]
    settings = ", ".join([*own, "tau"]) if method.get("tau", True) else "batch_size and base_lr"
    for key in ("K", "alpha"):
        if config[key] is not None:
            yield f"{key}={config[key]}: {method.name} has no negatives; its settings are {settings}"
    if not method.get("tau", True) and config.tau != 1.0:
        yield f"tau={config.tau}: {method.name} has none; its settings are {settings}"
    for key, value in beside_infonce(config).items():
        if key != "loss":  # a loss is refused where it is typed, InfoNCE among them
            yield f"{key}={value}: {method.name} {OWN_LOSS}"


def loss_problems(config: DictConfig) -> Iterator[str]:
    """What does not fit a method that has negatives."""
    yield from _names(config)
    yield from _alpha(config)
    if config.sets > 1 and config.K is None:
        yield f"sets={config.sets}: K=null takes all keys for one set; set K to a number"
    if config.remember is not None:
        yield from _remember(config, f"remember={config.remember}")
    if config.own_class_share is not None:
        yield from _own_class(config, f"own_class_share={config.own_class_share}")


def _names(config: DictConfig) -> Iterator[str]:
    name, method = config.loss.name, config.method_info
    if name == "nce" and method.pool != "bank":
        yield f"loss=nce: method=npid alone has it, with a constant Z; {method.name} takes info_nce and the others"
    elif name == "nce" and config.alpha is not None:
        yield f"alpha={config.alpha:g}: loss=nce has none; use loss=info_nce"
    for key, none in {"alpha": None, "tau": 1.0}.items():
        if name == "spectral" and config[key] != none:
            yield f"{key}={config[key]:g}: loss=spectral has none; its settings are loss.mu, loss.phi and loss.phi_tau"
    if name not in ("info_nce", "nce") and config.method.get("proximal"):
        yield f"loss={name}: method.proximal is a term of loss=nce and loss=info_nce; set method.proximal=0"


def _alpha(config: DictConfig) -> Iterator[str]:
    name, infinite = config.loss.name, config.alpha == math.inf
    if infinite and name in ("debiased", "hard") and config.loss.tau_plus:
        yield f"alpha=inf: loss={name} with loss.tau_plus above 0 has gradients without a bound; set loss.tau_plus=0"
    if infinite and name == "dual_temperature":
        yield "alpha=inf: loss=dual_temperature is then loss=info_nce (both factors are 1); use that"
    if config.dclw_sigma is not None and not (infinite and name == "info_nce"):
        yield f"dclw_sigma={config.dclw_sigma:g}: weighs the positives of DCL; set alpha=inf loss=info_nce"


def _remember(config: DictConfig, text: str) -> Iterator[str]:
    if config.method_info.pool == "queue":
        yield f"{text}: for negatives of the batch or of a memory bank; a queue is a memory of its own"
    elif config.loss.name != "info_nce":
        yield f"{text}: for loss=info_nce alone, not loss={config.loss.name}"
    elif config.alpha != math.inf:
        asked = "null" if config.alpha is None else f"{config.alpha:g}"
        yield f"{text}: its factor is 1, that of alpha=inf, and alpha={asked}; set alpha=inf"
    if config.dclw_sigma is not None:
        yield f"{text}: has no dclw_sigma; set dclw_sigma=null"
    if config.sets > 1:
        yield f"{text}: one normaliser an image, and sets={config.sets}; set sets=1"
    if config.method.get("proximal"):
        yield f"{text}: method.proximal is a term of loss=nce and loss=info_nce; set method.proximal=0"


def _own_class(config: DictConfig, text: str) -> Iterator[str]:
    if config.method_info.pool == "queue":
        yield f"{text}: {config.method_info.name} keeps a queue, whose keys all queries share"
    if config.K is None:
        yield f"{text}: K=null takes all keys of any class; set K to a number"
    if config.method.get("negatives_per") == "batch":
        yield f"{text}: each query needs negatives of its own; set method.negatives_per=query"
    if config.method.get("positive_drawn"):
        yield f"{text}: never draws a query's own entry; set method.positive_drawn=false"


def of_trainer(config: DictConfig) -> Iterator[str]:
    """What a trainer cannot be told."""
    if config.trainer.accumulate_grad_batches != 1:
        yield "trainer.accumulate_grad_batches: must stay 1, else K and a queue mean something else; raise batch_size"
    if config.trainer.barebones:
        yield "trainer.barebones: must stay false; a run needs its callbacks and loggers"
    if config.trainer.use_distributed_sampler:
        yield "trainer.use_distributed_sampler: must stay false; the project shares batches out itself"
    if 0 < config.epochs < (warmup := config.optim.warmup_epochs):
        yield f"optim.warmup_epochs={warmup:g}: longer than epochs={config.epochs}, which is the most it can be"
    if late := [epoch for epoch in config.checkpoint.keep if epoch > config.epochs]:
        yield f"checkpoint.keep={typed(list(config.checkpoint.keep))}: {late[0]} is after epochs={config.epochs}"
    steps = (config.dataset.images or 0) // config.batch_size  # 0: not known yet
    part = config.trainer.limit_train_batches
    if part == 0 or (isinstance(part, float) and 0 < part * steps < 1):
        told = "leaves no step of an epoch; epochs=0 evaluates the untrained encoder"
        yield f"trainer.limit_train_batches={part:g}: {told}"
    if config.trainer.overfit_batches:
        yield "trainer.overfit_batches: must stay 0, as each epoch has other images; see trainer.limit_train_batches"


def of_files(config: DictConfig, roots: Sequence[str] = ("dataset.root", "dataset.probe_root")) -> Iterator[str]:
    """What is named and not there."""
    if config.logger.name == "tensorboard" and not find_spec("tensorboard"):
        yield "logger=tensorboard: not installed; pip install tensorboard"
    for key in roots:
        if (folder := OmegaConf.select(config, key)) is not None and not (folder and Path(folder).is_dir()):
            yield f"{key}={folder}: no such folder"
    if (weights := config.get("weights")) is not None and not (weights and Path(weights).exists()):
        yield f"weights={weights}: no such file or folder"
    if weights is not None and config.backbone.get("pretrained"):
        yield f"weights={weights}: the start is either that or backbone.pretrained=true"
    for key in ("dataset.train_csv", "dataset.test_csv", "augment.vectors"):
        if (file := OmegaConf.select(config, key)) is not None and not Path(str(file)).is_file():
            yield f"{key}={file}: no such file"


def _kinds(config: DictConfig) -> Iterator[str]:
    """Texts have views, a backbone and evaluations of their own, and images have theirs."""
    dataset, texts = f"dataset={config.dataset.name}", kind(config) == "texts"
    for group, option, own in (("augment", "words", "word_views"), ("backbone", "bag_of_words", "BagOfWords")):
        chosen = config[group]["_target_"].endswith(f".{own}")
        if chosen and not texts:
            yield f"{group}={option}: for texts, and {dataset} has images"
        if texts and not chosen:
            yield f"{group}: {dataset} has texts, and {group}={option} alone takes them"
    if texts and config.evaluation.name == "linear_moco":
        yield f"evaluation=linear_moco: crops and flips images, and {dataset} has texts; use linear, knn or mean"
    if texts and config.evaluation.features == "pixels":
        yield f"evaluation.features=pixels: {dataset} has texts; use h or z"


def _views(config: DictConfig) -> Iterator[str]:
    if (color := config.augment.get("color")) and color.strength * color.hue > 0.5:
        yield f"augment.color.strength={color.strength:g}: times hue={color.hue:g} is above 0.5, half the colour circle"
    for name in ("crop", "small_crop"):
        size, ratio = config.dataset.get("size", 0), config.augment.get(name, {}).get("ratio", [1, 1])
        if not 1 / (size or 1) <= min(ratio) <= max(ratio) <= (size or 1):
            yield f"augment.{name}.ratio={typed(ratio)}: must lie between 1/{size} and {size}, the pixels of an image"


def _architecture(config: DictConfig) -> Iterator[str]:
    if not config.backbone["_target_"].endswith(".timm_model"):
        return
    if not find_spec("timm"):
        yield "backbone=timm: not installed; pip install timm"
        return
    import timm  # only here: it takes seconds to import

    if not timm.is_model(name := config.backbone.arch):
        hint = "".join(f"did you mean {n}? " for n in difflib.get_close_matches(name, timm.list_models(), n=1))
        yield f"backbone.arch={name}: timm has no such model; {hint}timm.list_models() lists them"
