"""What follows from a configuration and is used all over a run, worked out once, before training."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

from omegaconf import DictConfig

from contrastive_lab.config.check import WITHOUT_ALPHA, effective_K, kind, pool_size
from contrastive_lab.config.devices import processes
from contrastive_lab.config.identity import beside_infonce, config_hash
from contrastive_lab.config.signature import loss_takes


@dataclass(frozen=True)
class Resolved:
    """Settings as a run uses them."""

    K: int | None  # negatives of a query; None without negatives, or before the images of a folder are counted
    alpha: float | None  # K where the configuration has none; None without negatives or with a loss that has no alpha
    pool: int | None  # keys a query's negatives are chosen from; None where any K will do, or without negatives
    processes: int
    kind: str  # "images" or "texts"
    name: str  # e.g. "simo-K16-a65536-s0" with K and alpha as used, "simo-K16-spectral-sets3-s0", "swav-s0" without K
    hash: str  # see `config_hash`

    def counted(self, config: DictConfig, images: int) -> Self:
        """The same with K, alpha and pool for so many images, for a data set that does not tell their number."""
        K, alpha, pool = _negatives(config, images)
        return replace(self, K=K, alpha=alpha, pool=pool)


def resolve(config: DictConfig) -> Resolved:
    """Work out what a run uses, as far as it is known before its images are read; see `Resolved.counted`."""
    return Resolved(*_negatives(config), processes(config), kind(config), _name(config), config_hash(config))


def epoch_steps(images: int, N: int, limit: float | None) -> int:
    """Optimizer steps of an epoch of so many images in batches of N; `limit` is trainer.limit_train_batches."""
    steps = images // N
    if limit is None:
        return steps
    return int(steps * limit) if isinstance(limit, float) else min(steps, limit)


def run_steps(each: int, epochs: int, most: int | None) -> int:
    """Optimizer steps of a run of epochs of so many; `most` is trainer.max_steps."""
    return each * epochs if most is None or most < 0 else min(each * epochs, most)


def _name(config: DictConfig) -> str:
    K, alpha, _ = _negatives(config)
    negatives = [] if K is None else [f"K{K}"] if alpha is None else [f"K{K}", f"a{alpha:.12g}"]
    loss = [str(value) if key == "loss" else f"{key}{value:g}" for key, value in beside_infonce(config).items()]
    return "-".join([str(config.method_info.id), *negatives, *(loss if K is not None else []), f"s{config.seed}"])


def _negatives(config: DictConfig, images: int | None = None) -> tuple[int | None, float | None, int | None]:
    K = effective_K(config, images)
    without = config.loss.name in WITHOUT_ALPHA or config.method_info.get("own_loss") or not loss_takes(config, "alpha")
    alpha = None if without else config.alpha if config.alpha is not None else K
    return K, alpha, pool_size(config, images)


def other_processes(stored: DictConfig, config: DictConfig) -> Iterator[str]:
    """Why a stored run cannot go on with the processes of a configuration."""
    before, now = processes(stored), processes(config)
    if stored.batchnorm.kind == "plain" and before != now:
        which = f"{now} processes in place of {before}: batchnorm=plain takes statistics of the rows of each process"
        yield f"strategy.devices={config.strategy.devices}: {which}, and the run would be another one"
