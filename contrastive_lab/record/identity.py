"""What makes two runs the same run."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from contrastive_lab.config.check import effective_K
from contrastive_lab.config.values import flat

# Not part of a run's identity: where it runs, what it prints and where its files lie. Everything else is.
OMITTED = {
    "data_dir",
    "resume",
    "sweep",
    "experiment",
    "checkpoint_every_n_steps",
    "method_info",
    "logger",
    "strategy",
    "trainer.num_nodes",
    "trainer.enable_progress_bar",
    "trainer.enable_model_summary",
    "trainer.enable_checkpointing",
    "trainer.log_every_n_steps",
    "trainer.profiler",
    "trainer.detect_anomaly",
    "trainer.plugins",
    "trainer.model_registry",
    "trainer.enable_autolog_hparams",
    "dataset.workers",
    "dataset.splits",
}
# Of these paths the last part counts.
PATHS = ("dataset.root", "dataset.probe_root", "dataset.train_csv", "dataset.test_csv", "augment.vectors")


def identity(config: DictConfig) -> dict[str, Any]:
    """The values that the result depends on, by dotted key."""
    values = flat(config)
    kept = {k: v for k, v in values.items() if not within(k, OMITTED)}
    return {k: Path(v).name if k in PATHS and v else v for k, v in kept.items()}


def within(key: str, nodes: Iterable[str]) -> bool:
    """Whether a dotted key, or a group such as "hydra/launcher", is one of some nodes or lies in one."""
    return any(key == node or key.startswith((f"{node}.", f"{node}/")) for node in nodes)


def config_hash(config: DictConfig) -> str:
    """Twelve hexadecimal digits that differ where the results may differ; the same on every machine."""
    text = json.dumps(identity(config), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def differences(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    """Keys whose values differ, as lines `key: first, not second`."""
    keys = sorted(first.keys() | second.keys())
    return [f"{k}: {first.get(k)}, not {second.get(k)}" for k in keys if first.get(k) != second.get(k)]


def run_name(config: DictConfig) -> str:
    """Name of a run, e.g. "simo-K16-a65536-s0", with the K and alpha it uses; "swav-s0" for a method without them."""
    K = effective_K(config)
    alpha = config.alpha if config.alpha is not None else K
    dials = [f"K{K}", f"a{alpha:.12g}"] if K is not None else []
    return "-".join([str(config.method_info.id), *dials, f"s{config.seed}"])
