"""Combinations of a loss, its negatives and its memory that mean nothing, a line each."""

import math
from collections.abc import Iterator

from omegaconf import DictConfig

from contrastive_lab.config.identity import LATER


def without_negatives(config: DictConfig) -> Iterator[str]:
    """What a method without negatives cannot have."""
    own = [f"method.{name}" for name in config.method if name != "_target_"]
    for key in ("K", "alpha"):
        if config[key] is not None:
            settings = ", ".join([*own, "tau"]) if config.method_info.id != "supervised" else "batch_size and base_lr"
            yield f"{key}={config[key]}: {config.method_info.name} has no negatives; its settings are {settings}"
    if config.method_info.id == "supervised" and config.tau != 1.0:
        yield f"tau={config.tau}: cross-entropy has none; its settings are batch_size and base_lr"
    asked = [f"{key}={config[key]}" for key, null in LATER.items() if config[key] != null]
    if config.loss.name != "info_nce":
        asked.append(f"loss={config.loss.name}")
    yield from (f"{text}: {config.method_info.name} has no negatives" for text in asked)


def loss_problems(config: DictConfig) -> Iterator[str]:
    """What does not fit a method that has negatives."""
    yield from _names(config)
    yield from _alpha(config)
    yield from _sets(config)
    yield from _remember(config)
    yield from _own_class(config)


def _names(config: DictConfig) -> Iterator[str]:
    name, method = config.loss.name, config.method_info
    if name == "nce" and method.id != "npid":
        yield f"loss=nce: method=npid alone has it, with a constant Z; {method.name} takes info_nce and the others"
    elif name == "nce" and config.alpha is not None:
        yield f"alpha={config.alpha:g}: loss=nce has none; use loss=info_nce"
    if name == "spectral" and config.alpha is not None:
        yield f"alpha={config.alpha:g}: loss=spectral has none; its settings are loss.mu, loss.phi and loss.phi_tau"
    if name == "spectral" and config.tau != 1.0:
        yield f"tau={config.tau:g}: loss=spectral has none; its settings are loss.mu, loss.phi and loss.phi_tau"
    if name != "info_nce" and method.id == "npid" and config.method.proximal and name != "nce":
        yield f"loss={name}: method.proximal is a term of loss=nce and loss=info_nce; set method.proximal=0"


def _alpha(config: DictConfig) -> Iterator[str]:
    name, infinite = config.loss.name, config.alpha == math.inf
    if infinite and name in ("debiased", "hard") and config.loss.tau_plus:
        yield f"alpha=inf: loss={name} with loss.tau_plus above 0 has gradients without a bound; set loss.tau_plus=0"
    if infinite and name == "dual_temperature":
        yield "alpha=inf: loss=dual_temperature is then loss=info_nce (both factors are 1); use that"
    if config.dclw_sigma is not None and not (infinite and name == "info_nce"):
        yield f"dclw_sigma={config.dclw_sigma:g}: weighs the positives of DCL; set alpha=inf loss=info_nce"


def _sets(config: DictConfig) -> Iterator[str]:
    if config.sets > 1 and config.K is None:
        yield f"sets={config.sets}: K=null takes all keys for one set; set K to a number"


def _remember(config: DictConfig) -> Iterator[str]:
    if (text := f"remember={config.remember}") == "remember=None":
        return
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
    if config.method_info.id == "npid" and config.method.proximal:
        yield f"{text}: method.proximal is a term of loss=nce and loss=info_nce; set method.proximal=0"


def _own_class(config: DictConfig) -> Iterator[str]:
    if (text := f"own_class_share={config.own_class_share}") == "own_class_share=None":
        return
    if config.method_info.pool == "queue":
        yield f"{text}: {config.method_info.name} keeps a queue, whose keys all queries share"
    if config.K is None:
        yield f"{text}: K=null takes all keys of any class; set K to a number"
    if config.method.get("negatives_per") == "batch":
        yield f"{text}: each query needs negatives of its own; set method.negatives_per=query"
    if config.method.get("positive_drawn"):
        yield f"{text}: never draws a query's own entry; set method.positive_drawn=false"
