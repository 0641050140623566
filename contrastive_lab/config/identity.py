"""What makes two runs the same run, those of older versions of this project among them."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from contrastive_lab.config import folders
from contrastive_lab.config.values import flat, typed

# Not part of a run's identity: where it runs, what it prints and where its files lie. Everything else is, but for the
# scale, whose values stand where they are used.
OMITTED = {
    "data_dir", "resume", "sweep", "experiment", "checkpoint_every_n_steps", "checkpoint_every_n_minutes", "checkpoint",
    "plugins", "method_info", "logger", "strategy",
    "dataset.workers", "dataset.splits", "data.workers", "trainer.num_nodes", "trainer.enable_progress_bar",
    "trainer.enable_model_summary", "trainer.enable_checkpointing", "trainer.log_every_n_steps", "trainer.profiler",
    "trainer.detect_anomaly", "trainer.plugins", "trainer.model_registry", "trainer.enable_autolog_hparams",
}  # fmt: skip
# Of these paths the last part counts.
PATHS = (
    "dataset.root", "dataset.probe_root", "dataset.train_csv", "dataset.test_csv", "augment.vectors",
    "data.root", "data.train_json", "data.train_images", "data.test_json", "data.test_images",
)  # fmt: skip
# Where the data lie and how they are read: a stored run takes these anew.
MOVED = ("data_dir", "dataset.root", "dataset.probe_root", "dataset.workers", "data.root", "data.workers")
# In which processes a run goes on, and for how long.
PROCESSES = ("strategy", "trainer.num_nodes", "trainer.max_time")
# Not part of the identity either, though older versions have it in their hashes: with this value.
AS = {"trainer.max_time": None}
# Old spellings of keys.
RENAMED = {"about": "method_info", "method.share": "method.negatives_per", "method.loss": "loss.name"}
# Settings that came later, with the values at which a run is what it was without them.
LATER = {"sets": 1, "remember": None, "own_class_share": None, "dclw_sigma": None}
LATER_OF_GROUPS = {"dataset.range": [0, 65535], "dataset.background": [255, 255, 255], "head.last_norm": True,
                   "backbone.width": 1, "dataset.val_fraction": None, "dataset.val_seed": 0,
                   "dataset.on_error": "stop", "dataset.pack": None, "backbone.pretrained": False,
                   "optim.nesterov": False, "method.frozen": False, "labels": None, "weights": None}  # fmt: skip


def identity(config: DictConfig) -> dict[str, Any]:
    """The values that the result depends on, by dotted key."""
    return comparable(flat(config))


def comparable(values: Mapping[str, Any]) -> dict[str, Any]:
    """The identity among the values of a configuration, by dotted key; also of one that an older version stored."""
    kept = {RENAMED.get(k, k): AS.get(k, v) for k, v in values.items() if not within(k, {*OMITTED, "scale", "about"})}
    neutral = {**LATER, **LATER_OF_GROUPS, "loss.name": "info_nce"}
    told = {k: v for k, v in kept.items() if neutral.get(k, ...) != v}
    return {k: Path(v).name if k in PATHS and v else str(v) if v == math.inf else v for k, v in told.items()}


def beside_infonce(config: DictConfig) -> dict[str, Any]:
    """What makes the loss another one than InfoNCE or EqCo over one set of negatives; empty where nothing does."""
    name = {} if config.loss.name == "info_nce" else {"loss": config.loss.name}
    return name | {key: config[key] for key, neutral in LATER.items() if config[key] != neutral}


def upgraded(config: DictConfig) -> DictConfig:
    """A stored configuration with old spellings replaced."""
    new = DictConfig(OmegaConf.create(OmegaConf.to_yaml(config).replace("${about.", "${method_info.")))
    for old, key in RENAMED.items():
        if (value := OmegaConf.select(new, old)) is not None:
            OmegaConf.update(new, key, value, force_add=True)
            group, _, name = old.rpartition(".")
            del (new[group] if group else new)[name]
    for key, value in {**LATER, "loss.name": "info_nce"}.items():
        if OmegaConf.select(new, key, default=...) is ...:
            OmegaConf.update(new, key, value, force_add=True)
    return new


def moved(stored: DictConfig, given: Mapping[str, Any]) -> DictConfig:
    """A stored configuration with those of `MOVED` and `PROCESSES` that are given anew."""
    new = stored.copy()
    for key, value in given.items():
        if within(key, (*MOVED, *PROCESSES)):
            OmegaConf.update(new, key, value, merge=False)
    if "data_dir" in given and OmegaConf.select(new, "dataset.splits.write") is False:
        new.dataset.splits.write = True  # that of the line may be written to, that of a stored run may not
    return new


def within(key: str, nodes: Iterable[str]) -> bool:
    """Whether a dotted key, or a group such as "hydra/launcher", is one of some nodes or lies in one."""
    return any(key == node or key.startswith((f"{node}.", f"{node}/")) for node in nodes)


def config_hash(config: DictConfig) -> str:
    """Twelve hexadecimal digits that differ where the results may differ; the same on every machine."""
    text = json.dumps(identity(config), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def conf_hash() -> str:
    """Twelve hexadecimal digits of the files that make a configuration of overrides: while these stay, so does that."""
    return _hash_of(folders())


@cache
def _hash_of(places: tuple[Path, ...]) -> str:
    files = [path for place in places for path in sorted(place.rglob("*.yaml"))]
    files += sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def differences(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    """Keys whose values differ, as lines `key: first, not second`."""
    keys = sorted(first.keys() | second.keys())
    return [f"{k}: {typed(first.get(k))}, not {typed(second.get(k))}" for k in keys if first.get(k) != second.get(k)]
