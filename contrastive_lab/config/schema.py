"""The dials and the groups of a run, with their types. Defaults stand in conf/, by method and scale."""

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, OmegaConf

from contrastive_lab.config import CONF

Node = dict[str, Any]


@dataclass
class Config:
    """Everything that `python train.py` can be told."""

    # The dials.
    K: int | None = MISSING  # negatives of a query; null: all that the batch holds
    alpha: float | None = MISSING  # the number of negatives the loss should behave like; null: K
    tau: float = MISSING  # temperature
    batch_size: int = MISSING  # N, queries of a step over all devices
    epochs: int = MISSING
    base_lr: float = MISSING  # per 256 queries
    seed: int = 0
    data_dir: str = "data"
    resume: str | None = None  # a run's folder
    sweep: str | None = None  # name of a multirun's folder
    checkpoint_every_n_steps: int | None = None  # beside the one at the end of every epoch
    # The groups.
    method: Node = field(default_factory=dict)
    head: Node = field(default_factory=dict)
    method_info: Node = field(default_factory=dict)
    scale: Node = field(default_factory=dict)
    dataset: Node = field(default_factory=dict)
    augment: Node = field(default_factory=dict)
    backbone: Node = field(default_factory=dict)
    batchnorm: Node = field(default_factory=dict)
    optim: Node = field(default_factory=dict)
    evaluation: Node = field(default_factory=dict)
    experiment: Node | None = None
    probes: Node = field(default_factory=dict)
    trainer: Node = field(default_factory=dict)
    strategy: Node = field(default_factory=dict)
    logger: Node = field(default_factory=dict)


GROUPS = (
    "augment",
    "backbone",
    "batchnorm",
    "dataset",
    "evaluation",
    "experiment",
    "logger",
    "method",
    "optim",
    "scale",
    "strategy",
    "trainer",
)


def register() -> None:
    """Give Hydra what conf/config.yaml starts from: the schema, and the data set of each scale."""
    ConfigStore.instance().store(name="settings", node=Config)
    OmegaConf.register_new_resolver("dataset_of", _dataset_of, replace=True)


def _dataset_of(scale: str) -> str:
    return str(OmegaConf.load(CONF / "scale" / f"{scale}.yaml").scale.dataset)
