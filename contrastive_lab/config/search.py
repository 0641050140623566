"""The settings of a search, as hydra.sweeper.<name>; their values stand in conf/hydra/sweeper/optuna.yaml."""

import difflib
from collections.abc import Collection, Mapping
from typing import Any, Literal, cast

from omegaconf import OmegaConf
from pydantic import Field

from contrastive_lab.config import chosen_yaml
from contrastive_lab.config.model import Settings, problems
from contrastive_lab.errors import ConfigError

SWEEPER = "hydra/sweeper"
NODE = "hydra.sweeper"
RISING, FALLING = ("_top1", "_top5", "mi_estimate"), ("loss", "seconds")  # ends of names that say which way is better
ALIKE = 0.85  # two names, one of which is taken for a slip of the other


class Search(Settings):
    """What is searched for, and how."""

    n_trials: int = Field(ge=1, description="settings that are tried")
    n_jobs: int = Field(ge=1, description="trials at a time, where hydra/launcher runs jobs side by side")
    metric: str | None = Field(
        description="score of result.json or column of metrics.csv; null: accuracy of the final evaluation"
    )
    direction: Literal["maximize", "minimize"] | None = Field(
        description="what is better; null: more of an accuracy, less of a loss"
    )
    sampler: Literal["tpe", "random"] = Field(description="tpe: what did well so far tells where to look")
    seed: int = Field(ge=0, le=2**32 - 1, description="the settings that are tried are a function of it")


def read_search(told: Mapping[str, Any], evaluation: str, known: Collection[str]) -> Search:
    """The settings of a search with metric and direction filled in.

    Args:
        told: those of the line by name, e.g. {"n_trials": 5}.
        evaluation: the final evaluation, whose accuracy is the metric unless another is told.
        known: names of metrics, which one that is spelt almost alike is taken for.

    Raises:
        ConfigError: names what is wrong.
    """
    yaml: Any = OmegaConf.to_container(OmegaConf.load(chosen_yaml(SWEEPER, "optuna")))
    values = {key: value for key, value in {**yaml, **told}.items() if key not in ("_target_", "params")}
    if lines := problems(Search, values, NODE):
        raise ConfigError(*lines.values())
    metric = values["metric"] or f"{evaluation}_top1"
    names = {*known, f"{evaluation}_top1", f"{evaluation}_top5"}
    if metric not in names and (near := difflib.get_close_matches(metric, names, n=1, cutoff=ALIKE)):
        raise ConfigError(f"{NODE}.metric={metric}: no such metric; did you mean {near[0]}?")
    better = "maximize" if metric.endswith(RISING) else "minimize" if metric.endswith(FALLING) else None
    if not (direction := values["direction"] or better):
        raise ConfigError(f"{NODE}.direction: needed with metric={metric}; maximize or minimize")
    return Search(**values | {"metric": metric, "direction": cast(Any, direction)})
