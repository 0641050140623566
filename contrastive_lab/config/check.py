"""Combinations of settings that cannot run: every problem at once, before any data is read."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from contrastive_lab.config.loss_rules import loss_problems, without_negatives
from contrastive_lab.config.values import flat

OURS = ("contrastive_lab.", "pytorch_lightning.")  # modules whose classes a configuration may name


def check(config: DictConfig) -> list[str]:
    """What is wrong with a configuration, a line a problem; nothing where it can run."""
    return [
        *_negatives(config),
        *_devices(config),
        *_trainer(config),
        *_files(config),
        *_kinds(config),
        *targets(config),
    ]


def processes(config: DictConfig) -> int:
    """Number of processes a run starts."""
    return int(config.strategy.devices) * int(config.trainer.num_nodes)


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
    pool, N = pool_size(config), config.batch_size
    if config.batchnorm.kind == "shuffle" and not config.method_info.key_encoder:
        yield f"batchnorm=shuffle: {config.method_info.name} has no key encoder to shuffle for; use split or sync"
    if config.dataset.images is not None and config.dataset.images < N:
        yield f"batch_size={N}: more than the {config.dataset.images} images of dataset={config.dataset.name}"
    if config.method_info.id in ("supervised", "supcon") and config.dataset.name == "stl10":
        yield f"dataset=stl10: its training images have no labels, which method={config.method_info.id} needs"
    if config.method_info.pool == "none":
        yield from without_negatives(config)
        return
    yield from loss_problems(config)
    if config.K is None and config.method_info.pool == "queue":
        yield f"K=null: {config.method_info.name} keeps a queue, whose length K must be a number"
    if (
        config.K is not None
        and pool is not None
        and config.K * config.sets > pool >= 1
        and config.method_info.pool != "bank"
    ):
        keys = f"{config.method_info.pool} = {pool} keys"
        sets = f" sets={config.sets}" if config.sets > 1 else ""
        yield f"K={config.K}{sets}: more than the {keys} of batch_size={N}; lower K or raise N"


def _devices(config: DictConfig) -> Iterator[str]:
    N, world = config.batch_size, processes(config)
    groups = config.batchnorm.groups if config.batchnorm.kind in ("split", "shuffle") else world
    if config.strategy.name == "single" and world > 1:
        yield f"strategy=single: one process, not {world}; use strategy=ddp, or strategy=ddp_cpu without GPUs"
    if world >= 1 and N % world:
        yield f"batch_size={N}: not divisible over strategy.devices, {world} processes in all"
    if world >= 1 and groups >= 1 and groups % world:
        yield f"batchnorm.groups={groups}: not divisible over {world} processes"
    if groups >= 1 and groups != world and N % groups:
        yield f"batch_size={N}: not divisible into batchnorm.groups={groups}"
    if config.strategy.accelerator == "gpu" and (found := _gpus()) < config.strategy.devices:
        yield f"strategy.devices={config.strategy.devices}: this machine has {found} GPUs; strategy=ddp_cpu needs none"


def _trainer(config: DictConfig) -> Iterator[str]:
    if config.trainer.accumulate_grad_batches != 1:
        yield "trainer.accumulate_grad_batches: must stay 1, else K and a queue mean something else; raise batch_size"
    if config.trainer.barebones:
        yield "trainer.barebones: must stay false; a run needs its callbacks and loggers"
    if config.trainer.use_distributed_sampler:
        yield "trainer.use_distributed_sampler: must stay false; the project shares batches out itself"


def _gpus() -> int:
    import torch  # only here: it takes seconds to import

    return torch.cuda.device_count()


def _files(config: DictConfig) -> Iterator[str]:
    for name in {"config", "dir", "id", "resume"} & set(config.logger):
        yield f"logger.{name}: set by the run itself; leave it out"
    if config.logger.name == "tensorboard" and not find_spec("tensorboard"):
        yield 'logger=tensorboard: not installed; pip install -e ".[tensorboard]"'
    for key in ("dataset.root", "dataset.probe_root"):
        if (folder := OmegaConf.select(config, key)) is not None and not Path(folder).is_dir():
            yield f"{key}={folder}: no such folder"
    for key in ("dataset.train_csv", "dataset.test_csv", "augment.vectors"):
        if (file := OmegaConf.select(config, key)) is not None and not Path(str(file)).is_file():
            yield f"{key}={file}: no such file"


def _kinds(config: DictConfig) -> Iterator[str]:
    """Texts have views, a backbone and evaluations of their own, and images have theirs."""
    dataset, texts = f"dataset={config.dataset.name}", kind(config) == "texts"
    of_texts = {"augment=words": "vectors" in config.augment, "backbone=bag_of_words": "features" in config.backbone}
    for option, chosen in of_texts.items():
        if chosen and not texts:
            yield f"{option}: for texts, and {dataset} has images"
        if texts and not chosen:
            yield f"{option.partition('=')[0]}: {dataset} has texts, and {option} alone takes them"
    if texts and config.evaluation.name == "linear_moco":
        yield f"evaluation=linear_moco: crops and flips images, and {dataset} has texts; use linear, knn or mean"
    if texts and config.evaluation.features == "pixels":
        yield f"evaluation.features=pixels: {dataset} has texts; use h or z"


def targets(config: DictConfig) -> Iterator[str]:
    """What a configuration would call that is neither ours nor Lightning's: a file from elsewhere must not run code."""
    for key, value in flat(config, resolve=False).items():
        if key.split(".")[-1] == "_target_" and not str(value).startswith(OURS):
            yield f"{key}={value}: only what begins with {' or '.join(OURS)} is called"
