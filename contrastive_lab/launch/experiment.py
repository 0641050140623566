"""Experiments: a paper's figure or table as a list of overrides, which a multirun takes in place of its name."""

from functools import lru_cache
from typing import Any, cast

from omegaconf import OmegaConf

from contrastive_lab.config import CONF, options
from contrastive_lab.config.overrides import parse
from contrastive_lab.config.values import typed
from contrastive_lab.errors import ConfigError


def expand(overrides: list[str]) -> list[str]:
    """Add what an experiment sets and sweeps, e.g. "method=simo" and "K=1,4,16", to the overrides that name it.

    A key given by the user stays as it is, and so do overrides that name no experiment that there is. An experiment
    without a grid for the scale is a ConfigError.
    """
    values, (node, scale) = given(overrides), chosen(overrides)
    if node and scale not in node["grid"]:
        raise ConfigError(f"scale={scale}: an experiment has a grid for each of {', '.join(node['grid'])}; choose one")
    grid = node.get("grid", {}).get(scale, {})
    settings = {key: typed(value) for key, value in node.get("set", {}).items()}
    settings |= {key: ",".join(typed(value) for value in several) for key, several in grid.items()}
    return [*overrides, *(f"{key}={value}" for key, value in settings.items() if key.lstrip("+") not in values)]


def given(overrides: list[str]) -> dict[str, str]:
    """Keys of overrides with their values as typed; null is no experiment and no name."""
    values = {o.key_or_group: str(o.input_line).partition("=")[2] for o in parse(overrides)}
    return {key: value for key, value in values.items() if key not in ("experiment", "sweep") or value != "null"}


def chosen(overrides: list[str]) -> tuple[dict[str, Any], str]:
    """The node of the experiment that overrides name, empty where there is none, and the scale."""
    values = given(overrides)
    return load(values.get("experiment", "")), values.get("scale", "laptop")


@lru_cache
def load(name: str) -> dict[str, Any]:
    """The node of an experiment; empty where there is none of that name."""
    if name not in options("experiment"):
        return {}
    return cast(dict[str, Any], OmegaConf.to_container(OmegaConf.load(CONF / "experiment" / f"{name}.yaml")))


def constant(overrides: list[str]) -> set[str]:
    """Those of the overrides that the experiment sets for all its jobs, at this scale or at every one."""
    node, scale = chosen(overrides)
    alone = {key: values[0] for key, values in node.get("grid", {}).get(scale, {}).items() if len(values) == 1}
    return {f"{key}={typed(value)}" for key, value in (node.get("set", {}) | alone).items()}
