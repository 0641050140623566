"""What follows from a configuration and is used all over a run, worked out once, before training."""

from dataclasses import dataclass, replace
from typing import Self

from omegaconf import DictConfig

from contrastive_lab.config.check import effective_K, kind, pool_size, processes
from contrastive_lab.config.identity import config_hash


@dataclass(frozen=True)
class Resolved:
    """What a run uses.

    Args:
        K: negatives of a query; None without negatives, or before the images of a folder are counted.
        alpha: K where the configuration has none; None without negatives or with a loss that has no alpha.
        pool: keys that the negatives of a query are chosen from; None where any K will do, or without negatives.
        processes: number of them.
        kind: "images" or "texts".
        name: e.g. "simo-K16-a65536-s0", with K and alpha as used; "swav-s0" for a method without them.
        hash: twelve hexadecimal digits that differ where the results may differ; see `config_hash`.
    """

    K: int | None
    alpha: float | None
    pool: int | None
    processes: int
    kind: str
    name: str
    hash: str

    def counted(self, config: DictConfig, images: int) -> Self:
        """The same with K, alpha and pool for so many images, for a data set that does not tell their number."""
        K, alpha, pool = _negatives(config, images)
        return replace(self, K=K, alpha=alpha, pool=pool)


def resolve(config: DictConfig) -> Resolved:
    """Work out what a run uses, as far as it is known before its images are read; see `Resolved.counted`."""
    return Resolved(*_negatives(config), processes(config), kind(config), run_name(config), config_hash(config))


def run_name(config: DictConfig) -> str:
    """The name of a run; see `Resolved`."""
    K, alpha, _ = _negatives(config)
    negatives = [] if K is None else [f"K{K}"] if alpha is None else [f"K{K}", f"a{alpha:.12g}"]
    return "-".join([str(config.method_info.id), *negatives, f"s{config.seed}"])


def _negatives(config: DictConfig, images: int | None = None) -> tuple[int | None, float | None, int | None]:
    """K, alpha and pool."""
    K = effective_K(config, images)
    alpha = None if config.loss.name == "spectral" else config.alpha if config.alpha is not None else K
    return K, alpha, pool_size(config, images)
