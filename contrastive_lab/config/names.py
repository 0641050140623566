"""Names typed for settings: those that another setting gives, other spellings, and what an unknown one may mean."""

import difflib
from typing import Any

from omegaconf import DictConfig, OmegaConf

from contrastive_lab.config import chosen_yaml, options
from contrastive_lab.config.detect import is_detect
from contrastive_lab.config.identity import RENAMED, within
from contrastive_lab.config.schema import GROUPS
from contrastive_lab.config.values import nodes
from contrastive_lab.program import program

OWNED = {  # what another setting gives
    "trainer.accelerator": "strategy.accelerator",
    "trainer.devices": "strategy.devices",
    "trainer.strategy": "strategy",
    "trainer.sync_batchnorm": "batchnorm",
    "trainer.max_epochs": "epochs",
    "trainer.logger": "logger",
    "trainer.callbacks": "evaluation",
    "trainer.default_root_dir": "hydra.run.dir",
    "about": "method",
    "method_info": "method",
    "dataset.splits": "dataset",
    "dataset.name": "dataset",
    "backbone.name": "backbone",
    "loss.name": "loss",
    "optim.base_lr": "base_lr",
    "optim.batch_size": "batch_size",
    "method.batchnorm": "batchnorm",
    "scale.name": "scale",
    "scale.dataset": "dataset",
    "strategy.name": "strategy",
    "strategy.trainer": "strategy",
    "evaluation.name": "evaluation",
    "logger.name": "logger",
}
OTHER_NAMES = {  # for a setting or a group; the last of some are old spellings
    "tau": ("temperature", "temp", "T", "scale.taus"),
    "batch_size": ("N", "batch", "bs"),
    "base_lr": ("rate", "lr", "learning_rate", "learningrate", "learning-rate", "scale.rates"),
    "K": ("queue", "queue_size", "negatives", "num_negatives", "scale.queue", "scale.bank_negatives"),
    "dataset": ("data",),
    "augment": ("views", "aug", "augmentation", "augmentations"),
    "backbone": ("encoder", "network", "arch", "architecture"),
    "method": ("model",),
    "loss": ("method.loss", "scale.npid_loss"),
    "head.kind": ("scale.npid_head",),
    "method.queue": ("scale.codes_queue",),
    "strategy.devices": ("devices", "gpu", "gpus"),
    "epochs": ("max_epochs",),
    "trainer.precision": ("precision",),
    "trainer.max_steps": ("max_steps", "steps"),
    "method.momentum": ("scale.momentum",),
    "method.prototypes": ("scale.prototypes",),
    "optim.warmup_epochs": ("scale.warmup_epochs",),
}
SYNONYMS = RENAMED | {other: name for name, others in OTHER_NAMES.items() for other in others}


def unknown(config: DictConfig, key: str, known: list[str]) -> str:
    """That there is no such key, and which was meant or which there are."""
    group, _, rest = key.partition(".")
    meant = {new: new + key[len(old) :] for old, new in SYNONYMS.items() if within(key, {old})}
    renamed = [new if group == "scale" else name for new, name in meant.items() if name in known or group == "scale"]
    lower = {name.lower(): name for name in known if "." in name or not rest}
    same = [lower[key.lower()]] if key.lower() in lower else []
    inner = [name for name in known if name.endswith(f".{key}")]
    near = [lower[n] for n in difflib.get_close_matches(key.lower(), lower, n=1, cutoff=0.6 if rest else 0.7)]
    near = [name for name in near if not rest or within(name, {group})]
    others = _elsewhere(group, rest) if group in config and rest else []
    for found in (renamed, same, inner, [] if others else near):
        if 1 <= len(found) <= 3:
            return f"{key}: no such key; did you mean {' or '.join(found)}?"
    if group in config and rest:
        settable = [name for name in known if within(name, {group}) and name not in {group, *OWNED}]
        own = ", ".join(name.removeprefix(f"{group}.") for name in settable) or "none"
        chosen = OmegaConf.select(config, "method_info.name" if group == "method" else f"{group}.name")
        if others:
            add = "add it" if len(others) == 1 else "add one"
            return f"{key}: a setting of {', '.join(others)}: {add}; {chosen or 'this option'} has {own}"
        return f"{key}: {chosen or 'this option'} has no such setting; it has {own}"
    command = f"{program('theory')} theory=<name>" if "theory" in config else program(command_of(config))
    return f"{key}: no such key; {command} --help lists them all"


def command_of(config: DictConfig) -> str:
    """The command whose runs have such a configuration: "train" or "detect"."""
    return "detect" if is_detect(config) else "train"


def main_score(config: DictConfig) -> str:
    """What a run's folder, its sweepers and reports tell first, by its name in result.json."""
    return "AP" if is_detect(config) else f"{config.evaluation.name}_top1"


def _elsewhere(group: str, name: str) -> list[str]:
    """The options of a group that have a setting of this name, e.g. ["method=swav"]."""
    found = []
    for option in options(group) if group in GROUPS and group not in ("experiment", "scale") else []:
        node: Any = OmegaConf.to_container(OmegaConf.load(chosen_yaml(group, option)), resolve=False)
        if name in dict(nodes(node.get(group, node))):
            found.append(f"{group}={option}")
    return found
