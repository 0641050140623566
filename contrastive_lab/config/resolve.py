"""What follows from a configuration and is used all over a run, worked out once, before training."""

from dataclasses import dataclass

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


def resolve(config: DictConfig, images: int | None = None) -> Resolved:
    """Work out what a run uses; `images` is the number of images, needed where the data set does not tell it."""
    K, alpha = _negatives(config, images)
    shared = pool_size(config, images), processes(config), kind(config)
    return Resolved(K, alpha, *shared, run_name(config), config_hash(config))


def run_name(config: DictConfig) -> str:
    """The name of a run; see `Resolved`."""
    K, alpha = _negatives(config, None)
    negatives = [] if K is None else [f"K{K}"] if alpha is None else [f"K{K}", f"a{alpha:.12g}"]
    return "-".join([str(config.method_info.id), *negatives, f"s{config.seed}"])


def _negatives(config: DictConfig, images: int | None) -> tuple[int | None, float | None]:
    K = effective_K(config, images)
    return K, None if config.loss.name == "spectral" else config.alpha if config.alpha is not None else K
