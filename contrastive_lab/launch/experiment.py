"""Experiments: a paper's figure or table as lists of overrides, which a multirun takes in place of its name."""

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, cast

from omegaconf import OmegaConf

from contrastive_lab.config import chosen_yaml, options
from contrastive_lab.config.grids import Grid, grids
from contrastive_lab.config.overrides import parse
from contrastive_lab.config.values import key_and_value, points, typed
from contrastive_lab.errors import ConfigError


class Part(NamedTuple):
    """One grid of a sweep: its arm, if it has a name, overrides, swept ones among them, and what its jobs start from.

    That is told in place of the folder of their weights, e.g. ("K=16", "alpha=null").
    """

    arm: str | None
    overrides: list[str]
    start: tuple[str, ...] = ()


def expand(overrides: list[str]) -> list[Part]:
    """Add what an experiment sets and sweeps, e.g. "method=simo" and "K=1,4,16", to the overrides that name it.

    An experiment with a list of grids has a part for each; everything else is one part. A key given by the user stays
    as it is, but where an arm has it `always`, and so do overrides that name no experiment that there is. An experiment
    without a grid for the scale is a ConfigError.
    """
    values, (node, scale) = given(overrides), chosen(overrides)
    if node and scale not in node["grid"]:
        raise ConfigError(f"scale={scale}: an experiment has a grid for each of {', '.join(node['grid'])}; choose one")
    parts = []
    for grid in grids(node, scale) or [Grid(None, {})]:
        settings = {key: ",".join(map(typed, several)) for key, several in grid.axes.items()}
        added = [f"{k}={value}" for k, value in settings.items() if k in grid.always or k.lstrip("+") not in values]
        kept = [override for override in overrides if key_and_value(override)[0] not in grid.always]
        parts.append(Part(grid.arm, [*kept, *added]))
    return parts


def given(overrides: list[str]) -> dict[str, str]:
    """Keys of overrides with their values as typed; null is no experiment and no name."""
    values = {o.key_or_group: key_and_value(str(o.input_line))[1] for o in parse(overrides)}
    return {key: value for key, value in values.items() if key not in ("experiment", "sweep") or value != "null"}


def chosen(overrides: list[str]) -> tuple[dict[str, Any], str]:
    """The node of the experiment that overrides name, empty where there is none, and the scale."""
    values = given(overrides)
    return load(values.get("experiment", "")), values.get("scale", "laptop")


def load(name: str) -> dict[str, Any]:
    """The node of an experiment; empty where there is none of that name.

    Raises:
        ConfigError: if its `margin` is not above 0.
    """
    if name not in options("experiment"):
        return {}
    node = _node(chosen_yaml("experiment", name))
    points(node.get("margin", 0.5), f"experiment={name}: margin")
    return node


@lru_cache
def _node(path: Path) -> dict[str, Any]:
    return cast(dict[str, Any], OmegaConf.to_container(OmegaConf.load(path)))


def constant(overrides: list[str]) -> set[str]:
    """Those of the overrides that the experiment sets for all its jobs, at this scale or at every one."""
    alone = [
        {f"{key}={typed(values[0])}" for key, values in grid.axes.items() if len(values) == 1}
        for grid in grids(*chosen(overrides))
    ]
    return set.intersection(*alone) if alone else set()
